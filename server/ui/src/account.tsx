import { useRef, useState } from 'preact/hooks'
import { ApiError, Unreachable } from './api/client'
import { EndSessionDocument, SessionsDocument, WorkspacesDocument, type SessionsQuery } from './api/schema'
import { Dialog } from './parts/dialog'
import { Failure } from './parts/notice'
import { Rich } from './parts/rich'
import { When } from './parts/when'
import { useAnswer, useSigned, useSite } from './site'

// switchTo has the server go on in another workspace. A form would not do, as for
// signing out.
async function switchTo(slug: string) {
  const answer = await fetch('/switch-workspace', { method: 'POST', redirect: 'manual', body: new URLSearchParams({ workspace: slug }) })
    .catch(() => { throw new Unreachable() })
  if (answer.type === 'opaqueredirect') return
  const { error } = (await answer.json()) as { error: { message: string; code: string; requestId: string } }
  // One has left the workspace meanwhile.
  throw new ApiError(error.message, error.code === 'NOT_FOUND' ? { code: 'FORBIDDEN' } : error)
}

// WorkspacesDialog leads to another workspace of one's own.
export function WorkspacesDialog({ onClose }: { onClose: () => void }) {
  const { text, place } = useSite()
  const { data, error, reload } = useAnswer(WorkspacesDocument, {})
  const [failure, setFailure] = useState<unknown>()
  const choose = (slug: string) => {
    const there = place.href({ view: place.now().view, query: {} })
    switchTo(slug).then(() => location.assign(there), setFailure) // nothing of here is true there
  }
  return (
    <Dialog title={text.account.workspaces} onClose={onClose}>
      {Boolean(error) && <Failure error={error} retry={reload} />}
      {Boolean(failure) && <Failure error={failure} />}
      {!data && !error && <p class="faint">{text.general.loading}</p>}
      <ul class="account">
        {data?.viewer.workspaces.map(({ id, slug, name, role, current }) => (
          <li key={id}>
            <span>
              <strong><bdi>{name}</bdi></strong>
              {role && <span class="beneath">{text.account.roles[role]}</span>}
            </span>
            {current ? <span class="badge">{text.account.here}</span>
              : <button type="button" class="button" aria-label={text.account.switchTo(name)} onClick={() => choose(slug)}>{text.account.go}</button>}
          </li>
        ))}
      </ul>
    </Dialog>
  )
}

// SessionsDialog is where one is signed in, and ends that.
export function SessionsDialog({ onClose }: { onClose: () => void }) {
  const { text, ask } = useSite()
  const { viewer, announce } = useSigned()
  const { data, error, reload } = useAnswer(SessionsDocument, { operator: viewer.actor.id ?? '' })
  const [failure, setFailure] = useState<unknown>()
  const list = useRef<HTMLUListElement>(null)
  const end = (id: string) =>
    ask(EndSessionDocument, { input: { id } }).then(() => {
      announce(text.account.ended)
      list.current?.focus() // the button is about to go
      reload()
    }, setFailure)
  return (
    <Dialog title={text.account.sessions} onClose={onClose}>
      <p class="faint">{text.account.intro}</p>
      {Boolean(error) && <Failure error={error} retry={reload} />}
      {Boolean(failure) && <Failure error={failure} />}
      {!data && !error && <p class="faint">{text.general.loading}</p>}
      <ul class="account" ref={list} tabIndex={-1} aria-label={text.account.sessions}>
        {data?.sessions.map((session) => <SessionItem key={session.id} session={session} end={() => void end(session.id)} />)}
      </ul>
    </Dialog>
  )
}

function SessionItem({ session, end }: { session: SessionsQuery['sessions'][number]; end: () => void }) {
  const { text, format } = useSite()
  const { way, createdAt, lastSeenAt, ip, userAgent, current } = session
  return (
    <li>
      <span>
        <strong>{userAgent ? <bdi title={userAgent}>{programOf(userAgent)}</bdi> : text.account.ways[way]}</strong>
        <span class="beneath">
          {text.account.ways[way]} {ip && <Rich text={text.tokens.from} ip={<bdi class="data">{ip}</bdi>} />}
        </span>
        <span class="beneath"><Rich text={text.account.began} when={<When at={createdAt} />} /></span>
        <span class="beneath"><Rich text={text.account.seen} when={<When at={lastSeenAt ?? createdAt} />} /></span>
      </span>
      {current ? <span class="badge">{text.account.thisOne}</span>
        : <button type="button" class="button danger" aria-label={text.account.endOf(format.moment(new Date(createdAt)))} onClick={end}>{text.account.end}</button>}
    </li>
  )
}

const browsers = [[/Edg/, 'Edge'], [/OPR/, 'Opera'], [/Firefox|FxiOS/, 'Firefox'], [/Chrome|CriOS/, 'Chrome'], [/Safari/, 'Safari']] as const
const systems = [[/Windows/, 'Windows'], [/iPhone|iPad/, 'iOS'], [/Mac OS X/, 'macOS'], [/Android/, 'Android'], [/Linux/, 'Linux']] as const

// programOf is what people call a browser that calls itself so, and its system; all
// of what it says where that is not known.
function programOf(agent: string): string {
  const named = [browsers, systems].map((names) => names.find(([pattern]) => pattern.test(agent))?.[1])
  return named.filter(Boolean).join(', ') || agent
}
