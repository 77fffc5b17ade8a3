import { useEffect } from 'preact/hooks'
import { GlanceDocument, type GlanceQuery } from '../api/schema'
import type { Where } from '../place'
import { calm, useAnswer, useSigned, useSite } from '../site'
import { timesOf, type Shown } from './filters'

const counts = (data: GlanceQuery) => {
  const { usedToday, usedThisWeek, usedThisMonth, neverUsed, all } = data
  return [
    { key: 'day', n: usedToday.totalCount },
    { key: 'week', n: usedThisWeek.totalCount - usedToday.totalCount },
    { key: 'month', n: usedThisMonth.totalCount - usedThisWeek.totalCount },
    { key: 'longer', n: all.totalCount - neverUsed.totalCount - usedThisMonth.totalCount },
    { key: 'never', n: neverUsed.totalCount },
  ] as const
}

// useGlance is how many tokens there are of each kind, whatever the list shows;
// undefined until that is known, and null where it cannot be.
export function useGlance() {
  const { onChange } = useSigned()
  const { data, error, reload } = useAnswer(GlanceDocument, timesOf(new Date()))
  useEffect(() => onChange(calm(reload, 1000)), [onChange, reload])
  return data ?? (error ? null : undefined)
}

// Glance is the tokens of the workspace by when they were last used.
export function Glance({ data }: { data: GlanceQuery }) {
  const { text, format } = useSite()
  const { viewer } = useSigned()
  const { tokenCount, tokenLimit } = data.viewer.workspace
  const parts = counts(data).filter((part) => part.n > 0)
  const all = Math.max(1, data.all.totalCount)
  let x = 0
  return (
    <section class="card glance" aria-label={text.glance.title}>
      <p class="glance-plan">{text.glance.used(text.plans[viewer.workspace.plan], tokenCount, tokenLimit)}</p>
      <svg class="spread" role="img" viewBox="0 0 1000 12" preserveAspectRatio="none"
        aria-label={text.glance.picture(parts.map((part) => text.glance.part(text.glance[part.key], part.n)))}>
        {parts.map((part, i) => {
          const width = (part.n / all) * 1000
          const gap = i && 3
          const bar = <rect key={part.key} class={`part-${part.key}`} x={x + gap} y="0" width={Math.max(2, width - gap)} height="12" />
          x += width
          return bar
        })}
      </svg>
      <ul class="legend" aria-hidden="true">
        {parts.map((part) => (
          <li key={part.key}><span class={`dot part-${part.key}`} />{text.glance[part.key]} <strong>{format.number(part.n)}</strong></li>
        ))}
      </ul>
      <details class="figures-of">
        <summary>{text.general.figures}</summary>
        <table class="figures">
          <thead><tr><th scope="col">{text.glance.lastUsed}</th><th scope="col">{text.glance.tokens}</th></tr></thead>
          <tbody>{counts(data).map((part) => <tr key={part.key}><td>{text.glance[part.key]}</td><td>{format.number(part.n)}</td></tr>)}</tbody>
        </table>
      </details>
    </section>
  )
}

// Counts are numbers that act as filters.
export function Counts({ data, query, go }: { data: GlanceQuery; query: Where['query']; go: (change: Record<string, string>) => void }) {
  const { text, format } = useSite()
  const all: [Shown | '', string, number][] = [
    ['', text.filters.all, data.all.totalCount],
    ['idle', text.filters.idle, data.idle.totalCount],
    ['expiring', text.filters.expiring, data.expiring.totalCount],
    ['unending', text.filters.unending, data.unending.totalCount],
    ['fullAccess', text.filters.fullAccess, data.fullAccess.totalCount],
  ]
  return (
    <div class="counts" role="group" aria-label={text.filters.show}>
      {all.map(([key, name, n]) => (
        <button key={key} type="button" class="count" aria-pressed={(query.show ?? '') === key} onClick={() => go({ show: key })}>
          {name} <span class="number">{format.number(n)}</span>
        </button>
      ))}
    </div>
  )
}
