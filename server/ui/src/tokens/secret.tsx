import { useEffect, useRef, useState } from 'preact/hooks'
import { openPlayground } from '../handover'
import { CopyButton } from '../parts/copy'
import { Dialog } from '../parts/dialog'
import { Check, Copy } from '../parts/icons'
import { Notice } from '../parts/notice'
import { useSite, type Minted } from '../site'
import { snippets, type SnippetName } from './snippets'

// SecretDialog shows a secret, the only time that it is shown. It does not go
// away before the secret was copied, or its reader says that they have it.
export function SecretDialog({ minted, onClose }: { minted: Minted; onClose: () => void }) {
  const { text, embedded } = useSite()
  const [copying, setCopying] = useState<'not yet' | 'copied' | 'refused'>('not yet')
  const [stored, setStored] = useState(false)
  const [warned, setWarned] = useState(false)
  const shown = useRef<HTMLElement>(null)
  const safe = stored || copying === 'copied'
  useGuard(!safe, embedded, () => setWarned(true))
  const close = () => (safe ? onClose() : setWarned(true))
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(minted.secret)
      setCopying('copied')
      setWarned(false)
    } catch {
      setCopying('refused')
      getSelection()?.selectAllChildren(shown.current!)
    }
  }
  return (
    <Dialog alert guarded title={text.secret.title(minted.token.label)} onClose={close}>
      <div class="form">
        <p>{text.secret.once}</p>
        <div class="secret">
          <code ref={shown} aria-label={text.secret.secret} tabIndex={0}>{minted.secret}</code>
          <button type="button" class="button primary" data-focus onClick={copy}>{copying === 'copied' ? <Check /> : <Copy />}{copying === 'copied' ? text.general.copied : text.secret.copy}</button>
        </div>
        <p role="status" class={copying === 'refused' ? 'error' : 'help'}>
          {copying === 'copied' ? text.secret.copied : copying === 'refused' ? text.secret.refused : ''}
        </p>
        <Snippets />
        {warned && !safe && <Notice kind="problem">{text.secret.guard}</Notice>}
        <div class="dialog-actions">
          <label class="tick"><input type="checkbox" checked={stored} onChange={(event) => setStored(event.currentTarget.checked)} />{text.secret.stored}</label>
          {!embedded && <button type="button" class="button" onClick={() => openPlayground(minted.secret)}>{text.secret.playground}</button>}
          <button type="button" class="button primary" aria-disabled={!safe} onClick={close}>{text.secret.done}</button>
        </div>
      </div>
    </Dialog>
  )
}

function Snippets() {
  const { text, origin } = useSite()
  const [name, setName] = useState<SnippetName>('curl')
  const snippet = snippets[name](origin)
  return (
    <details class="snippets">
      <summary>{text.secret.use}</summary>
      <p class="help">{text.secret.useHelp}</p>
      <div class="segments" role="group" aria-label={text.secret.use}>
        {(Object.keys(snippets) as SnippetName[]).map((each) => (
          <button key={each} type="button" aria-pressed={each === name} onClick={() => setName(each)}><bdi class="data">{each}</bdi></button>
        ))}
        <CopyButton key={name} text={snippet} />
      </div>
      <pre tabIndex={0}><code>{snippet}</code></pre>
    </details>
  )
}

// useGuard keeps the page where it is: leaving it is asked about by the browser,
// and Back leads to where one is already, which calls tried. In someone else's page
// the way back is not ours.
function useGuard(on: boolean, embedded: boolean, tried: () => void) {
  useEffect(() => {
    if (!on) return
    const leaving = (event: BeforeUnloadEvent) => event.preventDefault()
    const back = () => {
      history.pushState(null, '')
      tried()
    }
    addEventListener('beforeunload', leaving)
    if (!embedded) {
      history.pushState(null, '')
      addEventListener('popstate', back)
    }
    return () => {
      removeEventListener('beforeunload', leaving)
      removeEventListener('popstate', back)
      if (!embedded) history.back()
    }
  }, [on])
}
