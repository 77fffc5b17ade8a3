import { useEffect, useState } from 'preact/hooks'

// View is one of the pages.
export type View = 'tokens' | 'audit'

// Where is a page and what it shows: everything that a link to it holds.
export interface Where {
  readonly view: View
  readonly query: Readonly<Record<string, string>>
}

// Place is where one is, and how one goes elsewhere.
export interface Place {
  now(): Where
  // go shows another page, or the same one otherwise; a replacement leaves no
  // way back to what it replaces.
  go(to: Where, replace?: boolean): void
  href(to: Where): string
  watch(changed: () => void): () => void
}

const paths: Record<View, string> = { tokens: '/settings/api-tokens', audit: '/settings/audit-log' }

const queryText = (query: Where['query']) => {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString()
  return text && `?${text}`
}

// languageInQuery is the language that the address asks for, which goes along.
export const languageInQuery = () => new URLSearchParams(location.search).get('lang') ?? ''

// browserPlace is the address of the page.
export function browserPlace(): Place {
  const watchers = new Set<() => void>()
  const changed = () => watchers.forEach((watcher) => watcher())
  addEventListener('popstate', changed)
  const href = (to: Where) => paths[to.view] + queryText({ ...to.query, lang: languageInQuery() })
  return {
    now: () => {
      const { lang: _, ...query } = Object.fromEntries(new URLSearchParams(location.search))
      return { view: location.pathname === paths.audit ? 'audit' : 'tokens', query }
    },
    go: (to, replace) => {
      history[replace ? 'replaceState' : 'pushState'](null, '', href(to))
      changed()
    },
    href,
    watch: (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  }
}

// memoryPlace is inside a page of someone else, whose address is not ours.
export function memoryPlace(): Place {
  let where: Where = { view: 'tokens', query: {} }
  const watchers = new Set<() => void>()
  return {
    now: () => where,
    go: (to) => {
      where = to
      watchers.forEach((watcher) => watcher())
    },
    href: () => '#',
    watch: (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
  }
}

// useWhere follows where one is.
export function useWhere(place: Place): Where {
  const [where, set] = useState(() => place.now())
  useEffect(() => place.watch(() => set(place.now())), [place])
  return where
}
