import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { Ask } from '../api/client'
import { TokensDocument, type ApiTokenFilter, type ApiTokenOrder, type TokenRowFragment } from '../api/schema'
import { firstDay } from '../parts/days'
import { calm, useSigned, useSite } from '../site'

// pageSize is how many tokens are asked for at once, as the operation says: with
// the hours of 30 days of each, more would cost too much.
const pageSize = 20

interface List {
  readonly tokens: readonly TokenRowFragment[]
  readonly total: number
  readonly next: string | null
}

// read reads the first tokens of a list, whole pages of them.
async function read(ask: Ask, filter: ApiTokenFilter, order: ApiTokenOrder, size: number, signal: AbortSignal): Promise<List> {
  const list: { tokens: TokenRowFragment[]; total: number; next: string | null } = { tokens: [], total: 0, next: null }
  do {
    const { apiTokens } = await ask(TokensDocument, { after: list.next, filter, order, since: firstDay(new Date()).toISOString() }, signal)
    list.tokens.push(...apiTokens.nodes)
    list.total = apiTokens.totalCount
    list.next = apiTokens.pageInfo.hasNextPage ? apiTokens.pageInfo.endCursor : null
  } while (list.next && list.tokens.length < size)
  return list
}

// useTokens is a list of tokens that keeps up with what happens to them.
export function useTokens(filter: ApiTokenFilter, order: ApiTokenOrder) {
  const { ask } = useSite()
  const { onChange } = useSigned()
  const [list, setList] = useState<List>()
  const [error, setError] = useState<unknown>()
  const [loading, setLoading] = useState(true)
  const [readAt, setReadAt] = useState(() => new Date())
  const size = useRef(pageSize)
  const running = useRef<AbortController | undefined>(undefined)
  const key = JSON.stringify([filter, order])

  const reload = useCallback(() => {
    running.current?.abort()
    const control = (running.current = new AbortController())
    const [filter, order] = JSON.parse(key) as [ApiTokenFilter, ApiTokenOrder]
    setLoading(true)
    return read(ask, filter, order, size.current, control.signal).then(
      (list) => {
        if (control.signal.aborted) return
        setList(list)
        setError(undefined)
        setLoading(false)
        setReadAt(new Date())
      },
      (error: unknown) => {
        if (control.signal.aborted) return
        setError(error)
        setLoading(false)
      },
    )
  }, [ask, key])

  useEffect(() => {
    size.current = pageSize
    void reload()
    return () => running.current?.abort()
  }, [reload])

  useEffect(() => {
    const later = calm(reload, 200)
    return onChange((change) => {
      if (change.kind !== 'used') return later()
      setList((list) => list && { ...list, tokens: list.tokens.map((token) => (token.id === change.token.id ? change.token : token)) })
    })
  }, [onChange, reload])

  const more = () => {
    size.current += pageSize
    return reload()
  }
  return { list, error, loading, readAt, reload, more }
}

// pairs is a list with each old token right after the one that takes its place.
export function pairs(tokens: readonly TokenRowFragment[]): TokenRowFragment[] {
  const old = new Map(tokens.flatMap((token) => (token.rotatedTo ? [[token.rotatedTo.id, token] as const] : [])))
  const ids = new Set(tokens.map((token) => token.id))
  return tokens
    .filter((token) => !token.rotatedTo || !ids.has(token.rotatedTo.id))
    .flatMap((token) => {
      const chain = [token]
      for (let next = old.get(token.id); next && !chain.includes(next); next = old.get(next.id)) chain.push(next)
      return chain
    })
}
