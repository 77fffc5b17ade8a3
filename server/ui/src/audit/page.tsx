import { useEffect, useState } from 'preact/hooks'
import { AuditEntriesDocument, type AuditEntriesQueryVariables, type AuditEntryFilter, type AuditOutcome } from '../api/schema'
import { Down } from '../parts/icons'
import { Failure } from '../parts/notice'
import { Rich } from '../parts/rich'
import type { Where } from '../place'
import { calm, useAnswer, useSigned, useSite } from '../site'
import { Select } from '../tokens/toolbar'
import { AuditTable } from './table'

const pageSize = 25
const newest = { first: pageSize }

const isDay = (text: string | undefined): text is string => text !== undefined && !Number.isNaN(Date.parse(`${text}T00:00`))

// filterOf is what the address asks the log for.
function filterOf({ action, outcome, actor, target, since, until }: Where['query']): AuditEntryFilter {
  // The beginning of a local day, or of one after it.
  const day = (text: string, offset: number) => {
    const at = new Date(`${text}T00:00`)
    at.setDate(at.getDate() + offset)
    return at.toISOString()
  }
  return {
    ...(action ? { actions: [action] } : {}),
    ...(outcome === 'SUCCEEDED' || outcome === 'REFUSED' ? { outcome: outcome satisfies AuditOutcome } : {}),
    ...(actor ? { actorId: actor } : {}),
    ...(target ? { targetId: target } : {}),
    ...(isDay(since) ? { since: day(since, 0) } : {}),
    ...(isDay(until) ? { until: day(until, 1) } : {}),
  }
}

// AuditPage is the audit log, the newest entry first.
export function AuditPage({ query }: { query: Where['query'] }) {
  const { text, place, embedded } = useSite()
  const { onChange } = useSigned()
  const filter = filterOf(query)
  const [at, setAt] = useState<Omit<AuditEntriesQueryVariables, 'filter'>>(newest)
  const { data, error, loading, reload } = useAnswer(AuditEntriesDocument, { ...at, filter })
  const isFirst = at === newest
  useEffect(() => onChange(calm(() => isFirst && reload(), 300)), [onChange, reload, isFirst])
  const go = (change: Record<string, string>) => {
    setAt(newest)
    place.go({ view: 'audit', query: { ...place.now().query, ...change } }, true)
  }
  const entries = data?.auditEntries.nodes
  const page = data?.auditEntries.pageInfo
  const filtered = Object.keys(filter).length > 0
  const about = query.target ? entries?.find((entry) => entry.targetId === query.target)?.targetLabel : undefined
  const by = query.actor ? entries?.find((entry) => entry.actor.id === query.actor)?.actor.name : undefined
  return (
    <>
      <header class="page-head">
        <div><h1 tabIndex={-1}>{text.audit.title}</h1><p>{text.audit.intro}</p></div>
        {!embedded && <a class="button" href="/audit-log.csv" download><Down />{text.audit.export}</a>}
      </header>
      <form class="toolbar" role="search" aria-label={text.filters.title} onSubmit={(event) => event.preventDefault()}>
        <Select label={text.audit.action} value={query.action ?? ''} onChange={(action) => go({ action })}
          options={[['', text.audit.anyAction], ...Object.entries(text.audit.actions)]} />
        <Select label={text.audit.outcome} value={query.outcome ?? ''} onChange={(outcome) => go({ outcome })}
          options={[['', text.audit.anyOutcome], ['SUCCEEDED', text.outcomes.SUCCEEDED], ['REFUSED', text.outcomes.REFUSED]]} />
        <label class="day">{text.audit.since}<input type="date" class="input" value={query.since ?? ''} onChange={(event) => go({ since: event.currentTarget.value })} /></label>
        <label class="day">{text.audit.until}<input type="date" class="input" value={query.until ?? ''} onChange={(event) => go({ until: event.currentTarget.value })} /></label>
        {filtered && <button type="button" class="button quiet" onClick={() => go({ action: '', outcome: '', actor: '', target: '', since: '', until: '' })}>{text.audit.clear}</button>}
      </form>
      {(about || by) && (
        <h2 class="about">
          {about && <Rich text={text.audit.ofToken} label={<bdi>{about}</bdi>} />} {by && <Rich text={text.audit.ofActor} name={<bdi>{by}</bdi>} />}
        </h2>
      )}
      {Boolean(error) && <Failure error={error} what={data ? text.frame.lost : text.audit.failed} retry={reload} />}
      {entries && entries.length > 0 && <AuditTable entries={entries} />}
      {entries?.length === 0 && <div class="empty"><p>{filtered ? text.audit.noneMatch : text.audit.none}</p></div>}
      {!entries && loading && <div class="skeleton" aria-hidden="true"><div /><div /><div /></div>}
      {page && (page.hasPreviousPage || page.hasNextPage) && (
        <nav class="pager" aria-label={text.audit.title}>
          <button type="button" class="button" disabled={!page.hasPreviousPage} onClick={() => setAt({ last: pageSize, before: page.startCursor })}>{text.general.newer}</button>
          <button type="button" class="button" disabled={!page.hasNextPage} onClick={() => setAt({ first: pageSize, after: page.endCursor })}>{text.general.older}</button>
        </nav>
      )}
    </>
  )
}
