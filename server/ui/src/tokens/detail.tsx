import { useEffect, useRef, useState } from 'preact/hooks'
import { TokenDocument, type TokenQuery } from '../api/schema'
import { AuditTable } from '../audit/table'
import { AbilityChips } from '../parts/abilities'
import { daysOf, firstDay, total } from '../parts/days'
import { Back } from '../parts/icons'
import { Link } from '../parts/link'
import { Failure } from '../parts/notice'
import { Rich } from '../parts/rich'
import { DayTable, Strip } from '../parts/strip'
import { DateOf, When } from '../parts/when'
import { calm, useAnswer, useNow, useSigned, useSite } from '../site'
import { AbilityUse } from './use'
import { AdviceLine } from './advice'
import { Dialogs, type Open } from './open'
import { Ends, LastUsed, Rotation } from './row'

type Detail = NonNullable<TokenQuery['apiToken']>

// TokenPage is all that is known of one token.
export function TokenPage({ id }: { id: string }) {
  const { text } = useSite()
  const { onChange } = useSigned()
  const { data, error, loading, reload } = useAnswer(TokenDocument, { id, since: firstDay(new Date()).toISOString() })
  useEffect(() => onChange(calm(reload, 200)), [onChange, reload])
  return (
    <>
      <Link class="back" to={{ view: 'tokens', query: {} }}><Back />{text.general.back}</Link>
      {Boolean(error) && <Failure error={error} retry={reload} />}
      {data && !data.apiToken && <div class="empty"><h1>{text.detail.missing}</h1></div>}
      {data?.apiToken && <Details token={data.apiToken} history={data.auditEntries.nodes} />}
      {!data && loading && <div class="skeleton" aria-hidden="true"><div /><div /></div>}
    </>
  )
}

function Details({ token, history }: { token: Detail; history: TokenQuery['auditEntries']['nodes'] }) {
  const { text } = useSite()
  const { mayChange } = useSigned()
  const [open, setOpen] = useState<Open>()
  const heading = useRef<HTMLHeadingElement>(null)
  const works = token.state === 'ACTIVE' || token.state === 'ROTATING'
  return (
    <>
      <header class="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}><bdi>{token.label}</bdi></h1>
          <p class="beneath">
            <code>{token.hint}</code>
            <span class="badge">{text.modes[token.mode]}</span>
            <span class={`badge ${token.state}`}>{text.states[token.state]}</span>
          </p>
          <Rotation token={token} open={setOpen} />
        </div>
        {mayChange && works && (
          <div class="page-actions">
            <button type="button" class="button" onClick={() => setOpen({ kind: 'edit', token, keep: token.abilities })}>{text.edit.open}</button>
            <button type="button" class="button" onClick={() => setOpen({ kind: 'rotate', token, ends: 'WHEN_NEW_IS_LIVE' })}>{text.tokens.rotate}</button>
            <button type="button" class="button danger" onClick={() => setOpen({ kind: 'revoke', token })}>{text.tokens.revoke}</button>
          </div>
        )}
      </header>
      {token.revokedAt && token.revokedBy && (
        <p class="ended-note">
          <Rich text={text.detail.revoked} when={<When at={token.revokedAt} />} who={<bdi>{token.revokedBy.name}</bdi>} />{' '}
          {token.revokeReason && <Rich text={text.detail.because} reason={<bdi>{token.revokeReason}</bdi>} />}
        </p>
      )}
      {token.advice.length > 0 && (
        <section class="card">
          <h2>{text.detail.advice}</h2>
          {token.advice.map((advice) => <AdviceLine key={advice.code} token={token} code={advice.code} open={setOpen} />)}
        </section>
      )}
      <div class="columns">
        <Use token={token} />
        <Facts token={token} />
        <AbilityUse usage={token.abilityUsage} />
      </div>
      <section class="card">
        <h2>{text.detail.history}</h2>
        {history.length > 0 ? <AuditTable entries={history} /> : <p>{text.detail.noHistory}</p>}
        <Link to={{ view: 'audit', query: { target: token.id } }}>{text.detail.wholeHistory}</Link>
      </section>
      <Dialogs open={open} onClose={() => setOpen(undefined)} onRevoked={() => heading.current?.focus()} />
    </>
  )
}

function Use({ token }: { token: Detail }) {
  const { text, format } = useSite()
  const days = daysOf(token.usage, token.createdAt, useNow())
  return (
    <section class="card wide">
      <h2>{text.detail.requests} <span class="number">{format.number(total(days))}</span></h2>
      <Strip days={days} height={72} />
      <div class="strip-ends" aria-hidden="true"><DateOf at={days[0]!.start.toISOString()} /><DateOf at={days.at(-1)!.start.toISOString()} /></div>
      <details class="figures-of">
        <summary>{text.general.figures}</summary>
        <DayTable days={days} />
        <p class="help">{text.detail.zone}</p>
      </details>
    </section>
  )
}

function Facts({ token }: { token: Detail }) {
  const { text } = useSite()
  return (
    <section class="card">
      <h2>{text.detail.facts}</h2>
      <dl class="facts">
        <div><dt>{text.tokens.lastUsed}</dt><dd><LastUsed token={token} /></dd></div>
        <div><dt>{text.tokens.abilities}</dt><dd><AbilityChips abilities={token.abilities} /></dd></div>
        <div><dt>{text.tokens.ends}</dt><dd><Ends token={token} /></dd></div>
        <div><dt>{text.tokens.created}</dt><dd><When at={token.createdAt} /></dd></div>
        <div><dt>{text.detail.mintedBy}</dt><dd><bdi>{token.mintedBy.name}</bdi></dd></div>
      </dl>
    </section>
  )
}
