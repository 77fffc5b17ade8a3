import { useState } from 'preact/hooks'
import { RotateDocument, type RevokeOld, type TokenRowFragment } from '../api/schema'
import { Dialog } from '../parts/dialog'
import { Choice, Option } from '../parts/field'
import { Failure } from '../parts/notice'
import { useSigned, useSite } from '../site'

const hour = 3600 // seconds
const graces = [0, hour, 24 * hour, 7 * 24 * hour, 30 * 24 * hour]

interface RotateProps {
  token: Pick<TokenRowFragment, 'id' | 'label'>
  // What is chosen already.
  ends: RevokeOld
  onClose: () => void
}

// RotateDialog asks when the old secret ends, and makes a new one.
export function RotateDialog({ token, ends: wanted, onClose }: RotateProps) {
  const { text, ask } = useSite()
  const { reveal } = useSigned()
  const [ends, setEnds] = useState(wanted)
  const [grace, setGrace] = useState(0)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const submit = async (event: Event) => {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      const graceSeconds = ends === 'WHEN_NEW_IS_LIVE' && grace > 0 ? grace : null
      const { rotateToken } = await ask(RotateDocument, { input: { id: token.id, revokeOld: ends, graceSeconds } })
      onClose()
      reveal(rotateToken)
    } catch (error) {
      setError(error)
      setBusy(false)
    }
  }
  const option = (value: RevokeOld, label: string, help: string) => (
    <Option type="radio" name="ends" checked={ends === value} label={label} help={help} onChange={() => setEnds(value)} />
  )
  return (
    <Dialog title={text.rotate.title(token.label)} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <p>{text.rotate.intro}</p>
        <Choice label={text.rotate.ends}>
          {option('WHEN_NEW_IS_LIVE', text.rotate.whenLive, text.rotate.whenLiveHelp)}
          {ends === 'WHEN_NEW_IS_LIVE' && (
            <label class="deadline">
              {text.rotate.deadline}
              <select class="select" value={grace} onChange={(event) => setGrace(Number(event.currentTarget.value))}>
                {graces.map((seconds) => <option key={seconds} value={seconds}>{graceName(seconds)}</option>)}
              </select>
            </label>
          )}
          {option('MANUALLY', text.rotate.manually, text.rotate.manuallyHelp)}
          {option('NOW', text.rotate.now, text.rotate.nowHelp)}
        </Choice>
        {Boolean(error) && <Failure error={error} />}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>{text.general.cancel}</button>
          <button class={ends === 'NOW' ? 'button danger solid' : 'button primary'} data-focus aria-disabled={busy}>{busy ? text.rotate.busy : text.rotate.submit}</button>
        </div>
      </form>
    </Dialog>
  )

  function graceName(seconds: number) {
    if (seconds === 0) return text.rotate.noDeadline
    return seconds === hour ? text.rotate.hours(1) : text.mint.days(seconds / hour / 24)
  }
}
