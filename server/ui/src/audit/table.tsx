import type { AuditRowFragment } from '../api/schema'
import { Link } from '../parts/link'
import { When } from '../parts/when'
import { useSite } from '../site'

// AuditTable is entries of the audit log.
export function AuditTable({ entries }: { entries: readonly AuditRowFragment[] }) {
  const { text } = useSite()
  return (
    <table role="table" class="audit" aria-label={text.audit.title}>
      <thead role="rowgroup">
        <tr role="row">
          {[text.audit.when, text.audit.what, text.audit.which, text.audit.who, text.audit.where].map((name) => (
            <th key={name} role="columnheader" scope="col">{name}</th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">{entries.map((entry) => <Entry key={entry.id} entry={entry} />)}</tbody>
    </table>
  )
}

function Entry({ entry }: { entry: AuditRowFragment }) {
  const { text } = useSite()
  const target = entry.targetLabel ?? entry.targetId
  return (
    <tr role="row" class="row">
      <td role="cell" class="cell-when"><When at={entry.at} /></td>
      <td role="cell" class="cell-what">
        {text.audit.actions[entry.action] ?? <bdi class="data">{entry.action}</bdi>}
        {entry.outcome === 'REFUSED' && <span class="badge REVOKED">{text.outcomes.REFUSED}</span>}
        <Changes changes={entry.changes} />
      </td>
      <td role="cell" class="cell-which">
        <span class="cell-name">{text.audit.which}</span>
        {entry.targetType === 'ApiToken' && entry.targetId
          ? <Link to={{ view: 'tokens', query: { token: entry.targetId } }}><bdi>{target}</bdi></Link>
          : <bdi>{target}</bdi>}
      </td>
      <td role="cell" class="cell-who">
        <span class="cell-name">{text.audit.who}</span>
        {entry.actor.id
          ? <Link to={{ view: 'audit', query: { actor: entry.actor.id } }}><bdi>{entry.actor.name}</bdi></Link>
          : <bdi>{entry.actor.name}</bdi>}
        {entry.actor.kind === 'TOKEN' && <span class="beneath">{text.actors.token}</span>}
        {entry.actor.kind === 'SYSTEM' && <span class="beneath">{text.actors.system}</span>}
      </td>
      <td role="cell" class="cell-where">
        <span class="cell-name">{text.audit.where}</span>
        <bdi class="data">{entry.ip ?? '–'}</bdi>
      </td>
    </tr>
  )
}

// Changes are what became of each field, as the API has it.
function Changes({ changes }: { changes: Record<string, unknown> | null }) {
  const { text, format } = useSite()
  const show = (value: unknown): string =>
    value === null ? '–'
      : Array.isArray(value) ? value.join(', ')
      : typeof value === 'object' ? JSON.stringify(value)
      : isMoment(value) ? format.short(new Date(value))
      : String(value)
  const pairs = Object.entries(changes ?? {}).filter((each): each is [string, [unknown, unknown]] => Array.isArray(each[1]))
  if (pairs.length === 0) return null
  return (
    <ul class="changes beneath" aria-label={text.audit.changes}>
      {pairs.map(([field, [from, to]]) => (
        <li key={field}><bdi class="data">{field}: {from === null ? '' : `${show(from)} → `}{show(to)}</bdi></li>
      ))}
    </ul>
  )
}

const isMoment = (value: unknown): value is string => typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)
