import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { ApiError } from './api/client'
import { listen, type Change } from './api/live'
import { SessionDocument, type SessionQuery } from './api/schema'
import { Frame } from './frame'
import { firstDay } from './parts/days'
import { lazy } from './parts/lazy'
import { Failure, Notice } from './parts/notice'
import { useWhere } from './place'
import { tellOthers } from './sessions'
import { SignedContext, SiteContext, type Minted, type Signed, type Site } from './site'
import { loadDialogs, SecretDialog } from './tokens/lazy'
import type { Text } from './text/en'
import { TokensPage } from './tokens/page'

const AuditPage = lazy(() => import('./audit/page').then((page) => page.AuditPage))
const SignIn = lazy(() => import('./sign-in').then((page) => page.SignIn))
const TokenPage = lazy(() => import('./tokens/detail').then((page) => page.TokenPage))

type Reason = keyof Text['signIn']['reasons']

// reasonIn is why a sign-in failed that led here, if there are words for it. A code
// that is still in the address did nothing.
function reasonIn({ text, embedded }: Site): Reason | undefined {
  if (embedded || location.pathname !== '/sign-in') return
  const query = new URLSearchParams(location.search)
  const reason = query.has('code') ? 'link' : (query.get('reason') ?? '')
  return Object.hasOwn(text.signIn.reasons, reason) ? (reason as Reason) : undefined
}

type Session = 'unknown' | 'signed out' | SessionQuery['viewer'] | { readonly error: unknown }

// App is the pages, for whoever comes to them.
export function App({ site: given }: { site: Site }) {
  const [session, setSession] = useState<Session>('unknown')
  const [reason, setReason] = useState(() => reasonIn(given))
  const forget = useCallback(() => setReason(undefined), [])
  // A secret stays on the screen even if the session ends meanwhile.
  const [minted, reveal] = useState<Minted>()
  // Whatever finds out that one is no longer signed in.
  const site = useMemo<Site>(() => ({
    ...given,
    ask: (...args) => given.ask(...args).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 'UNAUTHENTICATED') setSession('signed out')
      throw error
    }),
  }), [given])
  const identify = useCallback(() => {
    site.ask(SessionDocument, {}).then(
      ({ viewer }) => {
        setSession(viewer)
        if (!site.embedded) tellOthers()
      },
      (error: unknown) => setSession((before) => (before === 'unknown' ? { error } : before)),
    )
  }, [site])
  useEffect(identify, [identify])
  return (
    <SiteContext.Provider value={site}>
      {session === 'unknown' ? <p class="loading">{site.text.general.loading}</p>
        : session === 'signed out' ? <SignIn again={identify} reason={reason} onGone={forget} />
        : 'error' in session ? <div class="page"><Failure error={session.error} retry={identify} /></div>
        : <SignedIn viewer={session} site={site} reveal={reveal} end={() => setSession('signed out')} reason={reason} onRead={forget} />}
      {minted && <SecretDialog minted={minted} onClose={() => reveal(undefined)} />}
    </SiteContext.Provider>
  )
}

interface SignedInProps {
  viewer: SessionQuery['viewer']
  site: Site
  reveal: (minted: Minted) => void
  end: () => void
  // Why a sign-in failed that left the one of before as it was.
  reason: Reason | undefined
  onRead: () => void
}

function SignedIn({ viewer, site, reveal, end, reason, onRead }: SignedInProps) {
  const { place, text } = site
  const where = useWhere(place)
  const [live, setLive] = useState(true)
  const [said, announce] = useState('')
  const listeners = useRef(new Set<(change: Change) => void>()).current
  useEffect(() => {
    const since = firstDay(new Date()).toISOString()
    return listen(`${site.origin}/graphql`, site.authorization, since, (change) => {
      if (change.kind === 'signed out') return end()
      if (change.kind === 'live') return setLive(change.live)
      listeners.forEach((heard) => heard(change))
    })
  }, [site])
  const signed = useMemo<Signed>(() => ({
    viewer,
    mayChange: viewer.abilities.includes('FULL_ACCESS'),
    live,
    announce,
    reveal,
    onChange: (heard) => {
      listeners.add(heard)
      return () => listeners.delete(heard)
    },
  }), [viewer, live])
  useEffect(() => {
    if (!site.embedded && location.pathname === '/sign-in') place.go({ view: 'tokens', query: {} }, true)
    if (signed.mayChange) loadDialogs()
  }, [])
  return (
    <SignedContext.Provider value={signed}>
      <Frame view={where.view} onSignedOut={end}>
        {reason && (
          <Notice kind="problem" action={<button type="button" class="button" onClick={onRead}>{text.general.close}</button>}>
            {text.signIn.reasons[reason]} {text.signIn.still}
          </Notice>
        )}
        {!signed.mayChange && <Notice kind="info">{text.frame.member}</Notice>}
        {where.view === 'audit' ? <AuditPage query={where.query} />
          : where.query.token ? <TokenPage key={where.query.token} id={where.query.token} />
          : <TokensPage query={where.query} />}
      </Frame>
      <p class="hidden" role="status">{said}</p>
    </SignedContext.Provider>
  )
}
