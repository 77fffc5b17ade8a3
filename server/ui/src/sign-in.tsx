import { useEffect, useLayoutEffect } from 'preact/hooks'
import { CopyButton } from './parts/copy'
import { Logo } from './parts/icons'
import { Notice } from './parts/notice'
import { useSite } from './site'

const command = 'keloa-tokens signin'

// sessions is how the pages of one browser tell each other that one has signed in.
const sessions = () => new BroadcastChannel('keloa-session')

// tellOthers has pages that wait for a sign-in look again.
export function tellOthers() {
  const channel = sessions()
  channel.postMessage('signed in')
  channel.close()
}

// SignIn stands in for the page that was asked for, and goes on to it once one
// has signed in, in whichever tab.
export function SignIn({ again }: { again: () => void }) {
  const { text, embedded } = useSite()
  const failed = !embedded && location.pathname === '/sign-in'
  const provider = document.querySelector<HTMLMetaElement>('meta[name=keloa-sign-in]')?.content
  useEffect(() => {
    if (!failed && !embedded) {
      document.cookie = `keloa_return=${encodeURIComponent(location.pathname + location.search)}; path=/sign-in; max-age=900; samesite=lax`
    }
  }, [])
  useLayoutEffect(() => {
    if (failed) history.replaceState(null, '', '/sign-in') // without the code
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
        {failed && <Notice kind="problem">{text.signIn.dead}</Notice>}
        {provider && (
          <>
            <a class="button primary" href={provider}>{text.signIn.provider}</a>
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
