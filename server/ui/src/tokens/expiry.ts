// How long a token lives, as the dialog offers it.
export type Term = '30' | '90' | '365' | 'day' | 'never'

export const terms: Term[] = ['30', '90', '365', 'day', 'never']

// endOf is when a token of that term ends: null for never, undefined where that
// is not known yet. A day of one's choice ends with its last second, where one is.
export function endOf(term: Term, day: string, now: Date): Date | null | undefined {
  if (term === 'never') return null
  if (term !== 'day') return new Date(now.getTime() + Number(term) * 86_400_000)
  const [year, month, date] = day.split('-').map(Number)
  if (!year || !month || !date) return undefined
  const end = new Date(year, month - 1, date, 23, 59, 59)
  return end > now ? end : undefined
}
