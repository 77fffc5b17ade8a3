import type { ApiTokenFilter, ApiTokenOrder, TokenMode, TokenState } from '../api/schema'
import type { Where } from '../place'

const hour = 3_600_000 // ms
const day = 24 * hour

// idleAfter and soonWithin are what "idle" and "soon" mean, in days.
export const idleAfter = 30
export const soonWithin = 14

// timesOf are the moments that filters are about, to the hour, so that a list is
// not a new one with every second.
export function timesOf(now: Date) {
  const at = (ms: number) => new Date(Math.floor((now.getTime() + ms) / hour) * hour).toISOString()
  return { day: at(-day), week: at(-7 * day), month: at(-idleAfter * day), soon: at(soonWithin * day) }
}

export type Times = ReturnType<typeof timesOf>

// Shown is one of the counts that act as filters.
export type Shown = 'idle' | 'expiring' | 'unending' | 'fullAccess'

const shown: Record<Shown, (times: Times) => ApiTokenFilter> = {
  idle: (times) => ({ idleSince: times.month }),
  expiring: (times) => ({ expiresBefore: times.soon }),
  unending: () => ({ neverExpires: true }),
  fullAccess: () => ({ abilities: ['FULL_ACCESS'] }),
}

const states: Record<string, TokenState[]> = {
  REVOKED: ['REVOKED'],
  EXPIRED: ['EXPIRED'],
  all: ['ACTIVE', 'ROTATING', 'EXPIRED', 'REVOKED'],
}

const orders: Record<string, ApiTokenOrder> = {
  label: { field: 'LABEL', direction: 'ASC' },
  used: { field: 'LAST_USED_AT', direction: 'DESC' },
}

// filterOf is what the address asks the list for. What it does not know it
// leaves out.
export function filterOf(query: Where['query'], times: Times): ApiTokenFilter {
  return {
    ...(Object.hasOwn(shown, query.show ?? '') ? shown[query.show as Shown](times) : {}),
    ...(query.q ? { search: query.q } : {}),
    ...(states[query.state ?? ''] ? { states: states[query.state!]! } : {}),
    ...(query.mode === 'LIVE' || query.mode === 'TEST' ? { modes: [query.mode satisfies TokenMode] } : {}),
  }
}

export const orderOf = (query: Where['query']): ApiTokenOrder => orders[query.order ?? ''] ?? { field: 'CREATED_AT', direction: 'DESC' }

// isFiltered reports whether the list may leave tokens out that work.
export const isFiltered = ({ q, show, state, mode }: Where['query']) => Boolean(q || show || state || mode)
