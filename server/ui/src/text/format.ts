// Format writes numbers and moments as the people of a language do, in the time
// zone of whoever looks.
export interface Format {
  readonly locale: string
  number(n: number): string
  // One or other, with # in it replaced by n.
  count(n: number, one: string, other: string): string
  list(items: readonly string[]): string
  // Such as "23 Feb 2027".
  date(at: Date): string
  // Such as "Wednesday, 25 November 2026 at 17:20:05 CET".
  moment(at: Date): string
  // Such as "25 Nov 2026, 17:20".
  short(at: Date): string
  // Such as "3 hours ago" or "in 12 days".
  relative(at: Date, now: Date): string
}

// The units of relative time, with how many seconds each has and how many of it
// there must be for it to be used: "in 50 days" says more than "next month".
const units: [Intl.RelativeTimeFormatUnit, number, number][] = [
  ['year', 365 * 86_400, 2],
  ['month', 30 * 86_400, 3],
  ['day', 86_400, 1],
  ['hour', 3600, 1],
  ['minute', 60, 1],
]

export function newFormat(locale: string): Format {
  const numbers = new Intl.NumberFormat(locale)
  const plurals = new Intl.PluralRules(locale)
  const lists = new Intl.ListFormat(locale, { type: 'conjunction' })
  const dates = new Intl.DateTimeFormat(locale, { dateStyle: 'medium' })
  const moments = new Intl.DateTimeFormat(locale, {
    weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'short',
  })
  const shorts = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })
  const relatives = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  return {
    locale,
    number: (n) => numbers.format(n),
    count: (n, one, other) => (plurals.select(n) === 'one' ? one : other).replace('#', numbers.format(n)),
    list: (items) => lists.format(items),
    date: (at) => dates.format(at),
    moment: (at) => moments.format(at),
    short: (at) => shorts.format(at),
    relative: (at, now) => {
      const seconds = (at.getTime() - now.getTime()) / 1000
      for (const [unit, length, least] of units) {
        if (Math.abs(seconds) >= length * least) return relatives.format(Math.trunc(seconds / length), unit)
      }
      return relatives.format(0, 'second')
    },
  }
}
