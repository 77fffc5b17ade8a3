import { useSite } from '../site'
import { total, type Day } from './days'

// Strip is how many requests there were on each day: the more, the higher and
// the darker. A day without any has a mark on the ground, one before the token
// was there has none.
export function Strip({ days, height = 28 }: { days: readonly Day[]; height?: number }) {
  const { text, format } = useSite()
  const sum = total(days)
  const most = Math.max(...days.map((day) => day.requests))
  const busiest = days.find((day) => day.requests === most)
  const label = sum === 0 || !busiest
    ? text.strip.none
    : text.strip.picture(sum, days.filter((day) => day.requests > 0).length, format.date(busiest.start), most)
  return (
    <svg class="strip" role="img" aria-label={label} viewBox={`0 0 ${days.length * 5 - 1} ${height}`} preserveAspectRatio="none">
      {days.map((day, i) => {
        if (!day.known && day.requests === 0) return null
        const share = most === 0 ? 0 : Math.sqrt(day.requests / most)
        const tall = day.requests === 0 ? 1.5 : Math.max(4, Math.round(share * height))
        return <rect key={i} class={`bar-${day.requests === 0 ? 0 : Math.ceil(share * 4)}`} x={i * 5} y={height - tall} width="4" height={tall} rx="1" />
      })}
    </svg>
  )
}

// DayTable is the strip in figures.
export function DayTable({ days }: { days: readonly Day[] }) {
  const { text, format } = useSite()
  return (
    <table class="figures">
      <thead><tr><th scope="col">{text.strip.day}</th><th scope="col">{text.strip.count}</th></tr></thead>
      <tbody>
        {days.filter((day) => day.requests > 0).reverse().map((day) => (
          <tr key={day.start.getTime()}><td><time>{format.date(day.start)}</time></td><td>{format.number(day.requests)}</td></tr>
        ))}
      </tbody>
    </table>
  )
}
