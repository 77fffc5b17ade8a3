// How a secret goes from the settings page to a playground in another tab: from
// memory to memory, by a message that no other origin can send or read.

const ready = 'keloa: the playground is ready'

// openPlayground opens the playground, and gives it the secret once it asks.
export function openPlayground(secret: string) {
  const tab = open('/playground')
  const asked = (event: MessageEvent) => {
    if (event.origin !== location.origin || event.source !== tab || event.data !== ready) return
    removeEventListener('message', asked)
    tab?.postMessage({ secret }, location.origin)
  }
  addEventListener('message', asked)
}

// receiveSecret is the playground's part: it asks whoever opened it for a secret,
// and calls back if there is one.
export function receiveSecret(received: (secret: string) => void) {
  const opener = window.opener as Window | null
  if (!opener) return
  addEventListener('message', (event: MessageEvent<{ secret?: unknown }>) => {
    if (event.origin === location.origin && event.source === opener && typeof event.data?.secret === 'string') received(event.data.secret)
  })
  opener.postMessage(ready, location.origin)
}
