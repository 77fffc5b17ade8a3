import type { Authorization } from './client'
import { RecordedDocument, UsedDocument, type RecordedSubscription, type TokenRowFragment, type UsedSubscription } from './schema'

// Change is something that happened to the tokens of the workspace.
export type Change =
  | { readonly kind: 'used'; readonly token: TokenRowFragment }
  | { readonly kind: 'recorded'; readonly entry: RecordedSubscription['auditEntryAdded'] }
  // Something may have happened that was not heard of: read again.
  | { readonly kind: 'unknown' }
  // Whether changes are heard of as they happen.
  | { readonly kind: 'live'; readonly live: boolean }
  // What one came with has ended.
  | { readonly kind: 'signed out' }

const pollEvery = 10_000 // ms, while nothing can be heard
const retryFrom = 500 // ms, doubled with each attempt
const retryAtMost = 15_000 // ms
const unauthorized = 4401 // the code that the server closes with

// listen calls heard with each change, from two subscriptions over one WebSocket
// (graphql-transport-ws). While there is no connection it says 'unknown' now and
// then, which makes it polling, and once more when there is one again. It returns
// what ends it. The strips of tokens begin at since.
export function listen(endpoint: string, authorization: Authorization, since: string, heard: (change: Change) => void): () => void {
  let socket: WebSocket | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempts = 0
  let ended = false
  const polling = setInterval(() => {
    if (attempts > 0 && !document.hidden) heard({ kind: 'unknown' })
  }, pollEvery)

  const connect = async () => {
    const header = await authorization().catch(() => undefined)
    if (ended) return
    socket = new WebSocket(endpoint.replace(/^http/, 'ws'), 'graphql-transport-ws')
    const send = (message: object) => socket?.send(JSON.stringify(message))
    socket.onopen = () => send({ type: 'connection_init', payload: header ? { Authorization: header } : {} })
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data as string) as { type: string; payload?: { data?: Partial<UsedSubscription & RecordedSubscription> } }
      if (message.type === 'ping') send({ type: 'pong' })
      if (message.type === 'connection_ack') {
        send({ type: 'subscribe', id: 'used', payload: { query: UsedDocument.toString(), variables: { since } } })
        send({ type: 'subscribe', id: 'recorded', payload: { query: RecordedDocument.toString() } })
        if (attempts > 0) heard({ kind: 'unknown' })
        attempts = 0
        heard({ kind: 'live', live: true })
      }
      const { apiTokenUsed, auditEntryAdded } = message.payload?.data ?? {}
      if (apiTokenUsed) heard({ kind: 'used', token: apiTokenUsed })
      if (auditEntryAdded) heard({ kind: 'recorded', entry: auditEntryAdded })
      // A subscription that came too slowly is over: begin again.
      if (message.type === 'error') socket?.close()
    }
    socket.onclose = ({ code }) => {
      if (ended) return
      if (code === unauthorized) return heard({ kind: 'signed out' })
      heard({ kind: 'live', live: false })
      timer = setTimeout(() => void connect(), Math.min(retryAtMost, retryFrom * 2 ** attempts++))
    }
  }

  void connect()
  return () => {
    ended = true
    clearInterval(polling)
    clearTimeout(timer)
    socket?.close()
  }
}
