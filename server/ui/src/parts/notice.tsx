import type { ComponentChildren } from 'preact'
import { explain, useSite } from '../site'
import { Alert, Info } from './icons'

// Notice is a line that asks for attention, with what can be done about it.
export function Notice({ kind, children, action }: { kind: 'info' | 'problem'; children: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class={`notice ${kind}`} role={kind === 'problem' ? 'alert' : undefined}>
      {kind === 'problem' ? <Alert /> : <Info />}
      <div class="notice-text">{children}</div>
      {action}
    </div>
  )
}

// Failure says why something failed, and offers to try again.
export function Failure({ error, what, retry }: { error: unknown; what?: string; retry?: () => void }) {
  const { text } = useSite()
  return (
    <Notice kind="problem" action={retry && <button type="button" class="button" onClick={retry}>{text.general.retry}</button>}>
      {what && <strong>{what} </strong>}
      {explain(text, error)}
    </Notice>
  )
}
