// Gives <keloa-api-tokens> the session of whoever is signed in here. It asks before
// each request, so a session is kept until a minute before it ends.
let session

async function newSession() {
  const response = await fetch('/keloa-session', { method: 'POST' })
  if (!response.ok) throw new Error(await response.text())
  return response.json()
}

document.querySelector('keloa-api-tokens').getToken = async () => {
  const held = await session
  if (!held || Date.parse(held.expiresAt) - Date.now() < 60_000) session = newSession()
  try {
    return (await session).session
  } catch (error) {
    session = undefined
    throw error
  }
}
