import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Chevron, Logo } from './parts/icons'
import { lazy } from './parts/lazy'
import { Link } from './parts/link'
import type { View } from './place'
import { useSigned, useSite } from './site'

const SessionsDialog = lazy(() => import('./account').then((account) => account.SessionsDialog))
const WorkspacesDialog = lazy(() => import('./account').then((account) => account.WorkspacesDialog))

// signOut ends the session. A form would not do: under our referrer policy it
// does not say that it comes from us.
const signOut = () => fetch('/sign-out', { method: 'POST', redirect: 'manual' })

interface FrameProps {
  view: View
  onSignedOut: () => void
  children: ComponentChildren
}

// Frame is what stands around every page.
export function Frame({ view, onSignedOut, children }: FrameProps) {
  const { text, embedded, format } = useSite()
  const { viewer } = useSigned()
  const title = `${view === 'audit' ? text.frame.audit : text.frame.tokens} · ${viewer.workspace.name}`
  const other = format.locale.startsWith('nl') ? 'en' : 'nl'
  const [opened, open] = useState<'workspaces' | 'sessions'>()
  useEffect(() => {
    if (!embedded) document.title = title
  }, [title])
  return (
    <>
      {!embedded && (
        <header class="top">
          <a class="skip" href="#content">{text.frame.skip}</a>
          <div class="top-inner">
            <Logo />
            {viewer.workspaces.length > 1
              ? <button type="button" class="button quiet workspace" aria-haspopup="dialog" aria-label={text.account.switchFrom(viewer.workspace.name)} onClick={() => open('workspaces')}><bdi>{viewer.workspace.name}</bdi> <Chevron /></button>
              : <span class="workspace"><bdi>{viewer.workspace.name}</bdi></span>}
            <button type="button" class="button quiet who" aria-haspopup="dialog" aria-label={text.account.sessionsOf(viewer.actor.name)} onClick={() => open('sessions')}><bdi>{viewer.actor.name}</bdi></button>
            <button type="button" class="button quiet sign-out" onClick={() => void signOut().then(onSignedOut)}>{text.frame.signOut}</button>
          </div>
          {opened === 'workspaces' && <WorkspacesDialog onClose={() => open(undefined)} />}
          {opened === 'sessions' && <SessionsDialog onClose={() => open(undefined)} />}
        </header>
      )}
      <nav class="sections" aria-label={text.frame.sections}>
        <Link to={{ view: 'tokens', query: {} }} current={view === 'tokens'}>{text.frame.tokens}</Link>
        <Link to={{ view: 'audit', query: {} }} current={view === 'audit'}>{text.frame.audit}</Link>
      </nav>
      <main class="page" id="content" tabIndex={-1}>{children}</main>
      {!embedded && (
        <footer class="foot">
          <a href={`?lang=${other}`} lang={other} hreflang={other}>{text.frame.language}</a>
          <a href="/schema.graphql">{text.frame.schema}</a>
          <a href="/playground">{text.frame.playground}</a>
        </footer>
      )}
    </>
  )
}
