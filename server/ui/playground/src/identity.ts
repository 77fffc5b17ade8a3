// Who the playground asks as. A token that is pasted or handed over is in this
// module's memory and nowhere else: it is gone with the page.

export interface Viewer {
  actor: { kind: 'OPERATOR' | 'TOKEN' | 'SYSTEM'; name: string }
  workspace: { slug: string; name: string }
  abilities: string[]
  token: { label: string; hint: string; mode: 'LIVE' | 'TEST'; expiresAt: string | null } | null
}

// Identity is who that is: not known yet, nobody, someone, or someone whose
// token or session has ended meanwhile.
export type Identity =
  | { is: 'unknown' }
  | { is: 'nobody' }
  | { is: 'someone'; viewer: Viewer; byToken: boolean }
  | { is: 'ended'; viewer: Viewer; byToken: boolean }

const whoAmI = `query WhoAmI {
  viewer { actor { kind name } workspace { slug name } abilities token { label hint mode expiresAt } }
}`

const wholeSecret = /^keloa_[a-z_]+_[0-9A-Za-z]{32}$/

let secret: string | undefined
let identity: Identity = { is: 'unknown' }
const watchers = new Set<() => void>()

function become(next: Identity) {
  identity = next
  for (const watcher of watchers) watcher()
}

export const currentIdentity = () => identity

export function watchIdentity(watcher: () => void) {
  watchers.add(watcher)
  return () => void watchers.delete(watcher)
}

// Credentials are the part of a request that says who sends it.
export interface Credentials {
  headers: { Authorization?: string }
  credentials: RequestCredentials
}

// credentials are those of whoever the playground asks as: the token, or else the
// session cookie, if there is one.
export function credentials(token = secret): Credentials {
  if (token === undefined) return { headers: {}, credentials: 'same-origin' }
  return { headers: { Authorization: `Bearer ${token}` }, credentials: 'omit' }
}

// viewerOf asks the server who that is. It returns null for nobody.
async function viewerOf(token: string | undefined): Promise<Viewer | null> {
  const sent = credentials(token)
  const response = await fetch('/graphql', {
    method: 'POST',
    cache: 'no-store',
    credentials: sent.credentials,
    headers: { ...sent.headers, 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ query: whoAmI }),
  })
  if (response.status === 401) return null
  const { data, errors } = await response.json()
  if (errors) throw new Error(errors[0].message)
  return data.viewer
}

// authenticate asks as the token from now on. It returns why not, in a sentence,
// and then everything stays as it was.
export async function authenticate(text: string): Promise<string | undefined> {
  const token = text.trim()
  if (!wholeSecret.test(token)) {
    return 'This is not a whole secret: it begins with keloa_pk_live_ or keloa_pk_test_, and 32 characters follow.'
  }
  try {
    const viewer = await viewerOf(token)
    if (!viewer) return 'The server does not accept this secret: it is not known here, expired or revoked.'
    secret = token
    become({ is: 'someone', viewer, byToken: true })
  } catch (error) {
    return `The server did not say whose this is: ${(error as Error).message}.`
  }
  return
}

// forget lets go of the token, and asks as whoever is signed in, or as nobody.
export async function forget() {
  secret = undefined
  become({ is: 'unknown' })
  const viewer = await viewerOf(undefined).catch(() => null)
  if (secret === undefined) become(viewer ? { is: 'someone', viewer, byToken: false } : { is: 'nobody' })
}

// refused is told that the server did not know whoever came with these.
export function refused(as: Credentials) {
  const current = credentials()
  const same = as.headers.Authorization === current.headers.Authorization && as.credentials === current.credentials
  if (same && identity.is === 'someone') become({ ...identity, is: 'ended' })
}
