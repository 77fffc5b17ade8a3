import { createContext } from 'preact'
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks'
import { ApiError, Unreachable, type Ask, type Authorization } from './api/client'
import type { Change } from './api/live'
import type { SessionQuery, TypedDocumentString } from './api/schema'
import type { Place } from './place'
import type { Text } from './text/en'
import type { Language } from './text/languages'

// Site is what all parts of the pages stand on.
export interface Site extends Language {
  readonly ask: Ask
  readonly place: Place
  readonly authorization: Authorization
  // Where the API is, such as "https://tokens.example.com".
  readonly origin: string
  // Whether this is a part of someone else's page.
  readonly embedded: boolean
}

// Signed is what those who are signed in stand on as well.
export interface Signed {
  readonly viewer: SessionQuery['viewer']
  // Whether the viewer may change anything.
  readonly mayChange: boolean
  readonly live: boolean
  // onChange calls heard with what happens, until what it returns is called.
  onChange(heard: (change: Change) => void): () => void
  // announce has a screen reader say something.
  announce(message: string): void
  // reveal shows a secret, once.
  reveal(minted: Minted): void
}

// Minted is a secret, and whose it is.
export interface Minted {
  readonly secret: string
  readonly token: { readonly id: string; readonly label: string; readonly mode: 'LIVE' | 'TEST' }
}

export const SiteContext = createContext<Site>(null as never)
export const SignedContext = createContext<Signed>(null as never)
export const useSite = () => useContext(SiteContext)
export const useSigned = () => useContext(SignedContext)

// explain says what went wrong in words for people.
export function explain(text: Text, error: unknown): string {
  if (error instanceof Unreachable) return text.failures.unreachable
  if (!(error instanceof ApiError)) throw error
  const known = text.failures.reasons[error.reason]
  if (known) return known
  switch (error.code) {
    case 'LIMIT_REACHED': return text.failures.limit(error.limit)
    case 'AUDIT_UNAVAILABLE': return text.failures.audit
    case 'RATE_LIMITED': return text.failures.rate
    case 'NOT_FOUND': return text.failures.notFound
    case 'CONFLICT': return text.failures.conflict
    case 'FORBIDDEN': return text.failures.forbidden
    case 'UNAVAILABLE': return text.failures.unreachable
    case 'BAD_USER_INPUT':
    case 'QUERY_TOO_COMPLEX': return error.message
    default: return text.failures.internal(error.requestId)
  }
}

// wrongWith says what is wrong with a field, if that is what the error is about.
export const wrongWith = (field: string, text: Text, error: unknown) =>
  error instanceof ApiError && error.field === field ? explain(text, error) : undefined

// Answered is what is known of a query. The data of before stays until there is
// new, and beside an error.
export interface Answered<R> {
  readonly data: R | undefined
  readonly error: unknown
  readonly loading: boolean
  readonly reload: () => void
}

// useAnswer asks a query, and again whenever its variables change. Of several
// answers under way the last one that was asked for counts.
export function useAnswer<R, V>(document: TypedDocumentString<R, V>, variables: V): Answered<R> & { patch: (change: (data: R) => R) => void } {
  const { ask } = useSite()
  const [state, set] = useState<{ data: R | undefined; error: unknown; loading: boolean }>({ data: undefined, error: undefined, loading: true })
  const running = useRef<AbortController | undefined>(undefined)
  const key = JSON.stringify(variables)
  const reload = useCallback(() => {
    running.current?.abort()
    const control = (running.current = new AbortController())
    set((before) => ({ ...before, loading: true }))
    ask(document, JSON.parse(key) as V, control.signal).then(
      (data) => control.signal.aborted || set({ data, error: undefined, loading: false }),
      (error: unknown) => control.signal.aborted || set((before) => ({ data: before.data, error, loading: false })),
    )
  }, [ask, document, key])
  useEffect(() => {
    reload()
    return () => running.current?.abort()
  }, [reload])
  const patch = useCallback((change: (data: R) => R) => set((before) => (before.data ? { ...before, data: change(before.data) } : before)), [])
  return { ...state, reload, patch }
}

// useNow is the present, and moves on by itself.
export function useNow(): Date {
  const [now, set] = useState(() => new Date())
  useEffect(() => {
    const timer = setInterval(() => set(new Date()), 20_000)
    return () => clearInterval(timer)
  }, [])
  return now
}

// calm calls back at most once in so many milliseconds, and always after the last
// call of it: changes come in swarms.
export function calm(call: () => unknown, ms: number): () => void {
  let waiting = false
  return () => {
    if (waiting) return
    waiting = true
    setTimeout(() => {
      waiting = false
      call()
    }, ms)
  }
}
