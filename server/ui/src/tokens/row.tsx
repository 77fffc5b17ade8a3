import type { TokenRowFragment, TokenState } from '../api/schema'
import { AbilityChips } from '../parts/abilities'
import { daysOf, total } from '../parts/days'
import { History } from '../parts/icons'
import { Link } from '../parts/link'
import { Rich } from '../parts/rich'
import { DayTable, Strip } from '../parts/strip'
import { DateOf, When } from '../parts/when'
import { useNow, useSigned, useSite } from '../site'
import { AdviceLine } from './advice'
import { soonWithin } from './filters'
import type { Open } from './open'

interface RowProps {
  token: TokenRowFragment
  open: (what: Open) => void
}

const works = (state: TokenState) => state === 'ACTIVE' || state === 'ROTATING'

// isPaired reports whether a token works beside what takes its place, or beside
// what it takes the place of.
const isPaired = ({ state, rotatedFrom, rotatedTo }: TokenRowFragment) => works(state) && Boolean(rotatedTo || (rotatedFrom && works(rotatedFrom.state)))

// Row is a token in the list, and beneath it what there is to say of it.
export function Row({ token, open }: RowProps) {
  const { text } = useSite()
  const { mayChange } = useSigned()
  const days = daysOf(token.usage, token.createdAt, useNow())
  const requests = total(days)
  const strip = <><Strip days={days} /><span class="beneath">{text.strip.requests(requests)}</span></>
  const [advice] = token.advice
  return (
    <>
      <tr role="row" class={works(token.state) ? 'row' : 'row ended'}>
        <th role="rowheader" scope="row" class="cell-token">
          <Link class="label" to={{ view: 'tokens', query: { token: token.id } }}><bdi>{token.label}</bdi></Link>
          <span class="beneath">
            <code>{token.hint}</code>
            {token.mode === 'TEST' && <span class="badge">{text.modes.TEST}</span>}
            {token.state !== 'ACTIVE' && <span class={`badge ${token.state}`}>{text.states[token.state]}</span>}
          </span>
        </th>
        <td role="cell" class="cell-abilities"><AbilityChips abilities={token.abilities} /></td>
        <td role="cell" class="cell-used"><span class="cell-name">{text.tokens.lastUsed}</span><LastUsed token={token} /></td>
        <td role="cell" class="cell-strip">
          <span class="cell-name">{text.tokens.thirtyDays}</span>
          {requests === 0 ? strip : <details class="strip-details"><summary>{strip}</summary><DayTable days={days} /></details>}
        </td>
        <td role="cell" class="cell-ends"><span class="cell-name">{text.tokens.ends}</span><Ends token={token} /></td>
        <td role="cell" class="cell-created">
          <span class="cell-name">{text.tokens.created}</span>
          <span>
            <DateOf at={token.createdAt} />
            <span class="beneath"><Rich text={text.tokens.by} who={<bdi>{token.mintedBy.name}</bdi>} /></span>
          </span>
        </td>
        <td role="cell" class="cell-actions">
          <Link class="icon-button" label={text.tokens.historyOf(token.label)} to={{ view: 'audit', query: { target: token.id } }}><History /></Link>
          {mayChange && works(token.state) && (
            <>
              <button type="button" class="button quiet" aria-label={text.tokens.rotateOf(token.label)} onClick={() => open({ kind: 'rotate', token, ends: 'WHEN_NEW_IS_LIVE' })}>{text.tokens.rotate}</button>
              <button type="button" class="button quiet danger" aria-label={text.tokens.revokeOf(token.label)} onClick={() => open({ kind: 'revoke', token })}>{text.tokens.revoke}</button>
            </>
          )}
        </td>
      </tr>
      {(isPaired(token) || advice) && (
        <tr role="row" class="notes">
          <td role="cell" colSpan={7}>
            <Rotation token={token} open={open} />
            {advice && <AdviceLine token={token} code={advice.code} open={open} />}
          </td>
        </tr>
      )}
    </>
  )
}

// Rotation is what a token takes the place of, or what takes its place, as long
// as both work.
export function Rotation({ token, open }: RowProps) {
  const { text, format } = useSite()
  const { mayChange } = useSigned()
  const now = useNow()
  const use = (at: string | null) => (at ? text.rotate.used(format.relative(new Date(at), now)) : text.rotate.unused)
  const { rotatedFrom: old, rotatedTo: successor } = token
  if (!isPaired(token)) return null
  if (successor) {
    return (
      <p class="beneath rotation">
        <span><Rich text={text.rotate.replacedBy} hint={<code>{successor.hint}</code>} use={use(successor.lastUsedAt)} /></span>{' '}
        <RotationEnd token={token} />{' '}
        {mayChange && <button type="button" class="inline" onClick={() => open({ kind: 'revoke', token })}>{text.rotate.endNow}</button>}
      </p>
    )
  }
  return <p class="beneath rotation"><span><Rich text={text.rotate.replaces} hint={<code>{old!.hint}</code>} use={use(old!.lastUsedAt)} /></span></p>
}

// RotationEnd is what ends a token that is being replaced.
function RotationEnd({ token: { revokeOld, rotationEndsAt } }: { token: TokenRowFragment }) {
  const { text, format } = useSite()
  if (!revokeOld) return null
  if (revokeOld === 'MANUALLY') return <span>{text.rotate.endsByHand}</span>
  if (!rotationEndsAt) return <span>{text.rotate.endsLive}</span>
  return <span><Rich text={text.rotate.endsAt} moment={<time dateTime={rotationEndsAt}>{format.short(new Date(rotationEndsAt))}</time>} /></span>
}

// LastUsed is when a token was last used, and from where by what.
export function LastUsed({ token }: { token: Pick<TokenRowFragment, 'lastUsedAt' | 'lastUsedIp' | 'lastUsedUserAgent'> }) {
  const { text } = useSite()
  if (!token.lastUsedAt) {
    return (
      <span>
        {text.tokens.never}
        <span class="beneath">{text.tokens.since}</span>
      </span>
    )
  }
  return (
    <span>
      <When at={token.lastUsedAt} />
      {token.lastUsedIp && <span class="beneath"><Rich text={text.tokens.from} ip={<bdi class="data">{token.lastUsedIp}</bdi>} /></span>}
      {token.lastUsedUserAgent && <span class="beneath agent" title={token.lastUsedUserAgent}><bdi class="data">{token.lastUsedUserAgent}</bdi></span>}
    </span>
  )
}

// Ends is when a token ends or has ended.
export function Ends({ token }: { token: Pick<TokenRowFragment, 'expiresAt' | 'revokedAt' | 'state'> }) {
  const { text, format } = useSite()
  const now = useNow()
  if (token.revokedAt) return <span>{text.states.REVOKED}<span class="beneath"><DateOf at={token.revokedAt} /></span></span>
  if (!token.expiresAt) return <span class="faint">{text.tokens.unending}</span>
  const at = new Date(token.expiresAt)
  const soon = token.state !== 'EXPIRED' && at.getTime() - now.getTime() < soonWithin * 86_400_000
  return (
    <span class={soon ? 'soon' : ''}>
      <DateOf at={token.expiresAt} />
      <span class="beneath"><time dateTime={token.expiresAt}>{format.relative(at, now)}</time></span>
    </span>
  )
}
