// Day is one day of the local time zone, and how many requests were made on it.
export interface Day {
  readonly start: Date
  readonly requests: number
  // The token was there on this day.
  readonly known: boolean
}

// daysShown is how many days a strip has, today included.
export const daysShown = 30

const startOfDay = (at: Date, offset = 0) => new Date(at.getFullYear(), at.getMonth(), at.getDate() + offset)

// firstDay is the moment that strips begin at.
export const firstDay = (now: Date) => startOfDay(now, 1 - daysShown)

// daysOf adds up hours by the days that they begin on.
export function daysOf(usage: readonly { readonly start: string; readonly requests: number }[], createdAt: string, now: Date): Day[] {
  const sums = new Map<number, number>()
  for (const hour of usage) {
    const day = startOfDay(new Date(hour.start)).getTime()
    sums.set(day, (sums.get(day) ?? 0) + hour.requests)
  }
  const born = startOfDay(new Date(createdAt))
  return Array.from({ length: daysShown }, (_, i) => {
    const start = startOfDay(now, i + 1 - daysShown)
    return { start, requests: sums.get(start.getTime()) ?? 0, known: start >= born }
  })
}

// total is how many requests there were in all.
export const total = (days: readonly Day[]) => days.reduce((sum, day) => sum + day.requests, 0)
