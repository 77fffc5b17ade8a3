import { useEffect, useRef, useState } from 'preact/hooks'
import type { Ability, TokenRowFragment } from '../api/schema'
import { Plus } from '../parts/icons'
import { Failure } from '../parts/notice'
import type { Where } from '../place'
import { useNow, useSigned, useSite } from '../site'
import { filterOf, isFiltered, orderOf, timesOf } from './filters'
import { Counts, Glance, useGlance } from './glance'
import { pairs, useTokens } from './list'
import { Dialogs, type Open } from './open'
import { Row } from './row'
import { Toolbar } from './toolbar'

// TokensPage is the list of tokens and what is done with them.
export function TokensPage({ query }: { query: Where['query'] }) {
  const { text, place } = useSite()
  const { mayChange } = useSigned()
  const times = timesOf(useNow())
  const list = useTokens(filterOf(query, times), orderOf(query))
  const glance = useGlance()
  const [open, setOpen] = useState<Open>()
  // A link may ask for a dialog that is filled in. It is for people to submit.
  const asked = query.label || query.abilities
  useEffect(() => {
    if (mayChange && asked) setOpen({ kind: 'mint', label: query.label ?? '', abilities: abilitiesIn(query.abilities) })
  }, [asked])
  const heading = useRef<HTMLHeadingElement>(null)
  const go = (change: Record<string, string>) => place.go({ view: 'tokens', query: { ...place.now().query, ...change } }, true)
  const close = () => {
    setOpen(undefined)
    if (asked) go({ label: '', abilities: '' })
  }
  const create = mayChange && (
    <button type="button" class="button primary" onClick={() => setOpen({ kind: 'mint', label: '', abilities: [] })}><Plus />{text.tokens.create}</button>
  )
  // What stands above the list comes with it, so that nothing jumps.
  const tokens = glance === undefined ? undefined : list.list
  const empty = tokens?.total === 0
  const none = empty && !isFiltered(query)
  return (
    <>
      <header class="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>{text.tokens.title}</h1>
          <p>{text.tokens.intro}</p>
        </div>
        {(tokens || list.error) && !none && create}
      </header>
      {glance && glance.all.totalCount > 0 && (
        <>
          <Glance data={glance} />
          <Counts data={glance} query={query} go={go} />
        </>
      )}
      {!none && <Toolbar query={query} go={go} />}
      {Boolean(list.error) && (
        <Failure error={list.error} what={list.list ? text.frame.lost : text.tokens.failed} retry={() => void list.reload()} />
      )}
      {none && <div class="empty"><p>{text.tokens.none}</p>{create}</div>}
      {empty && !none && (
        <div class="empty">
          <p>{text.filters.found(0)}. {text.tokens.noneMatch}</p>
          <button type="button" class="button" onClick={() => go({ q: '', show: '', state: '', mode: '' })}>{text.filters.clear}</button>
        </div>
      )}
      {tokens && !empty && <Table list={tokens.tokens} open={setOpen} />}
      {!tokens && !list.error && <Skeleton />}
      <Foot list={list} />
      <Dialogs open={open} onClose={close} onRevoked={() => (heading.current?.focus(), void list.reload())} />
    </>
  )
}

// abilitiesIn reads the abilities that a link asks to have ticked.
const abilitiesIn = (text = '') => text.toUpperCase().split(/[\s,]+/).filter((word): word is Ability => Object.hasOwn(known, word))
const known: Record<Ability, true> = { READ: true, WRITE_CONTACTS: true, WRITE_CONVERSATIONS: true, MANAGE_WEBHOOKS: true, FULL_ACCESS: true }

function Table({ list, open }: { list: readonly TokenRowFragment[]; open: (what: Open) => void }) {
  const { text } = useSite()
  return (
    <table role="table" class="tokens" aria-label={text.tokens.title}>
      <thead role="rowgroup">
        <tr role="row">
          {[text.tokens.token, text.tokens.abilities, text.tokens.lastUsed, text.tokens.thirtyDays, text.tokens.ends, text.tokens.created].map((name) => (
            <th key={name} role="columnheader" scope="col">{name}</th>
          ))}
          <th role="columnheader" scope="col"><span class="hidden">{text.tokens.actions}</span></th>
        </tr>
      </thead>
      <tbody role="rowgroup">
        {pairs(list).map((token) => <Row key={token.id} token={token} open={open} />)}
      </tbody>
    </table>
  )
}

function Foot({ list }: { list: ReturnType<typeof useTokens> }) {
  const { text, format } = useSite()
  const { live } = useSigned()
  return (
    <div class="list-foot">
      <p role="status">{list.list ? text.filters.found(list.list.total) : ''}</p>
      {list.list?.next && <button type="button" class="button" onClick={() => void list.more()}>{text.general.more}</button>}
      <p class="fresh">{live ? text.tokens.fresh : text.tokens.stale(format.short(list.readAt))}</p>
    </div>
  )
}

// Skeleton stands where the list will be.
const Skeleton = () => <div class="skeleton" aria-hidden="true">{[0, 1, 2].map((i) => <div key={i} />)}</div>
