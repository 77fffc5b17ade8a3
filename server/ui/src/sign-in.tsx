import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import { CopyButton } from './parts/copy'
import { Logo } from './parts/icons'
import { Notice } from './parts/notice'
import { sessions } from './sessions'
import { useSite } from './site'
import type { Text } from './text/en'

const command = 'keloa-tokens signin'

// ways says how one may sign in besides by a link.
const ways = async () => (await (await fetch('/sign-in/ways')).json()) as { oidc: boolean }

interface SignInProps {
  again: () => void
  // Why one was not signed in.
  reason: keyof Text['signIn']['reasons'] | undefined
  onGone: () => void
}

// SignIn stands in for the page that was asked for, and goes on to it once one
// has signed in, in whichever tab.
export function SignIn({ again, reason, onGone }: SignInProps) {
  const { text, embedded } = useSite()
  const atSignIn = !embedded && location.pathname === '/sign-in'
  const [provider, setProvider] = useState(false)
  useEffect(() => {
    if (embedded) return
    if (!atSignIn) {
      document.cookie = `keloa_return=${encodeURIComponent(location.pathname + location.search)}; path=/sign-in; max-age=900; samesite=lax`
    }
    ways().then(({ oidc }) => setProvider(oidc), () => undefined) // the link remains
  }, [])
  useLayoutEffect(() => {
    if (reason) history.replaceState(null, '', `/sign-in?reason=${reason}`) // without the code
    return onGone
  }, [])
  useEffect(() => {
    const channel = sessions()
    const shown = () => document.hidden || again()
    channel.onmessage = again
    document.addEventListener('visibilitychange', shown)
    return () => {
      channel.close()
      document.removeEventListener('visibilitychange', shown)
    }
  }, [again])
  if (embedded) return <Notice kind="problem">{text.signIn.intro}</Notice>
  return (
    <main class="sign-in">
      <div class="card">
        <Logo />
        <h1>{text.product}</h1>
        <p>{text.signIn.intro}</p>
        {reason && <Notice kind="problem">{text.signIn.reasons[reason]}</Notice>}
        {provider && (
          <>
            <a class="button primary" href="/sign-in/oidc">{text.signIn.provider}</a>
            <p class="or">{text.signIn.or}</p>
          </>
        )}
        <h2>{text.signIn.link}</h2>
        <p>{text.signIn.run}</p>
        <div class="command"><code>{command}</code><CopyButton text={command} /></div>
        <p>{text.signIn.follow}</p>
      </div>
    </main>
  )
}
