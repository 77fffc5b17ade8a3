import { useState } from 'preact/hooks'
import { RevokeDocument, type TokenRowFragment } from '../api/schema'
import { daysOf, total } from '../parts/days'
import { Dialog } from '../parts/dialog'
import { Field } from '../parts/field'
import { Failure } from '../parts/notice'
import { useNow, useSigned, useSite, wrongWith } from '../site'
import { LastUsed } from './row'

interface RevokeProps {
  token: TokenRowFragment
  onClose: () => void
  onDone: () => void
}

// RevokeDialog asks once more before a token ends.
export function RevokeDialog({ token, onClose, onDone }: RevokeProps) {
  const { text, ask, format } = useSite()
  const { announce } = useSigned()
  const [reason, setReason] = useState('')
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const problem = wrongWith('reason', text, error)
  const requests = total(daysOf(token.usage, token.createdAt, useNow()))
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    try {
      const { revokeToken } = await ask(RevokeDocument, { input: { id: token.id, reason: reason.trim() || null } })
      const { requestsCancelled } = revokeToken.receipt
      announce(text.revoke.done(token.label) + (requestsCancelled > 0 ? ` ${text.revoke.cancelled(requestsCancelled)}` : ''))
      onClose()
      setTimeout(onDone) // once the focus has returned to a row that is about to go
    } catch (error) {
      setError(error)
      setBusy(false)
    }
  }
  return (
    <Dialog alert title={text.revoke.title(token.label)} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <p>{text.revoke.warning}</p>
        <dl class="facts">
          <div><dt>{text.revoke.hint}</dt><dd><code>{token.hint}</code></dd></div>
          <div><dt>{text.revoke.lastUsed}</dt><dd><LastUsed token={token} /></dd></div>
          <div><dt>{text.revoke.requests}</dt><dd>{format.number(requests)}</dd></div>
        </dl>
        <Field label={<>{text.revoke.reason} <span class="faint">({text.revoke.optional})</span></>} error={problem}>
          {(attributes) => <input {...attributes} class="input" maxLength={1000} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />}
        </Field>
        {Boolean(error) && !problem && <Failure error={error} />}
        <div class="dialog-actions">
          <button type="button" class="button" data-focus onClick={onClose}>{text.general.cancel}</button>
          <button class="button danger solid" aria-disabled={busy}>{busy ? text.revoke.busy : text.revoke.submit}</button>
        </div>
      </form>
    </Dialog>
  )
}
