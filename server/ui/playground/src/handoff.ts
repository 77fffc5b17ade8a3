// How the settings page hands a new token to a playground that it opens: from
// window to window, on one origin, in memory alone.

const READY = 'keloa:playground-ready'
const TOKEN = 'keloa:token'
// How long the page waits for the playground that it opened, in milliseconds.
const PATIENCE = 60_000

// openPlayground opens the playground in a new tab and hands it the secret, once.
// It reports whether the browser let it.
export function openPlayground(secret: string): boolean {
  const opened = window.open('/playground')
  if (!opened) return false
  const listening = new AbortController()
  window.addEventListener(
    'message',
    (event) => {
      if (event.source !== opened || event.origin !== location.origin || event.data !== READY) return
      listening.abort()
      opened.postMessage({ [TOKEN]: secret }, location.origin)
    },
    { signal: listening.signal },
  )
  setTimeout(() => listening.abort(), PATIENCE)
  return true
}

// receiveToken is the other side: take is called with the secret, if a page of ours
// opened this one and hands it one. It lets go of that page afterwards.
export function receiveToken(take: (secret: string) => void) {
  const opener: Window | null = window.opener
  if (!opener) return
  const listening = new AbortController()
  window.addEventListener(
    'message',
    (event) => {
      if (event.source !== opener || event.origin !== location.origin) return
      const secret: unknown = event.data?.[TOKEN]
      if (typeof secret !== 'string') return
      listening.abort()
      window.opener = null
      take(secret)
    },
    { signal: listening.signal },
  )
  opener.postMessage(READY, location.origin) // which no page of another origin receives
}
