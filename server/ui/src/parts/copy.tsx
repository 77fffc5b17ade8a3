import { useState } from 'preact/hooks'
import { useSite } from '../site'
import { Check, Copy } from './icons'

// CopyButton copies a text, and says so only once that is done.
export function CopyButton({ text: content }: { text: string }) {
  const { text } = useSite()
  const [copied, set] = useState(false)
  return (
    <button type="button" class="button quiet" onClick={() => navigator.clipboard?.writeText(content).then(() => set(true), () => set(false))}>
      {copied ? <Check /> : <Copy />}
      <span role="status">{copied ? text.general.copied : text.general.copy}</span>
    </button>
  )
}
