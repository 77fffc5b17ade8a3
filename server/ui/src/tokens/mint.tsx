import { useState } from 'preact/hooks'
import { ApiError } from '../api/client'
import { MintDocument, type Ability, type TokenMode } from '../api/schema'
import { Dialog } from '../parts/dialog'
import { Choice, Field, Option } from '../parts/field'
import { Failure, Notice } from '../parts/notice'
import { Rich } from '../parts/rich'
import { explain, useNow, useSigned, useSite } from '../site'
import { AbilityPicker } from './abilities'
import { endOf, terms, type Term } from './expiry'

interface MintProps {
  // What a link asks to have filled in.
  label: string
  abilities: readonly Ability[]
  onClose: () => void
}

type Problems = Partial<Record<'label' | 'abilities' | 'expiresAt', string>>

// newKey makes a repeated request harmless: an answer may be lost on its way.
const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-')

// MintDialog asks what to mint, and mints it.
export function MintDialog({ label: asked, abilities: wanted, onClose }: MintProps) {
  const { text, ask, format } = useSite()
  const { viewer, reveal } = useSigned()
  const [label, setLabel] = useState(asked)
  const [mode, setMode] = useState<TokenMode>('LIVE')
  const [abilities, setAbilities] = useState<readonly Ability[]>(wanted.length > 0 ? wanted : ['READ'])
  const [sure, setSure] = useState(false)
  const [term, setTerm] = useState<Term>('90')
  const [day, setDay] = useState('')
  const [key, setKey] = useState(newKey)
  const [busy, setBusy] = useState(false)
  const [problems, setProblems] = useState<Problems>({})
  const [error, setError] = useState<unknown>()
  const [lost, setLost] = useState(false)
  const ends = endOf(term, day, useNow())

  const wrong = (): Problems => ({
    ...(label.trim() === '' ? { label: text.mint.needsLabel } : {}),
    ...(abilities.length === 0 ? { abilities: text.mint.needsAbility } : {}),
    ...(abilities.includes('FULL_ACCESS') && !sure ? { abilities: text.mint.needsSure } : {}),
    ...(ends === undefined ? { expiresAt: text.mint.needsDate } : {}),
  })
  // lose is when an answer of before was lost on its way, and the secret in it.
  const lose = () => {
    setLost(true)
    setKey(newKey())
  }
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy) return
    const form = event.currentTarget as HTMLFormElement
    const found = wrong()
    setProblems(found)
    setError(undefined)
    setLost(false)
    if (Object.keys(found).length > 0) return focusOn(form)
    setBusy(true)
    try {
      const { mintToken } = await ask(MintDocument, { input: { label, abilities: abilities.includes('FULL_ACCESS') ? ['FULL_ACCESS'] : abilities, mode, expiresAt: ends?.toISOString() ?? null, idempotencyKey: key } })
      if (mintToken.secret === null) return lose()
      onClose()
      reveal({ secret: mintToken.secret, token: mintToken.token })
    } catch (error) {
      if (error instanceof ApiError && error.reason === 'KEY_USED') lose()
      else if (error instanceof ApiError && ['label', 'abilities', 'expiresAt'].includes(error.field)) {
        setProblems({ [error.field]: explain(text, error) })
        focusOn(form)
      } else {
        setError(error)
      }
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog title={text.mint.title} onClose={onClose}>
      <form class="form" noValidate onSubmit={submit}>
        <Field label={text.mint.label} help={text.mint.labelHelp} error={problems.label}>
          {(attributes) => (
            <input {...attributes} class="input" data-focus required maxLength={100} placeholder="zapier-prod" autocomplete="off" spellcheck={false}
              dir="auto" value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
          )}
        </Field>
        <AbilityPicker held={viewer.abilities} chosen={abilities} onChange={setAbilities} sure={sure} onSure={setSure} error={problems.abilities} />
        <Choice label={text.mint.mode}>
          <div class="pair">
            {(['LIVE', 'TEST'] as const).map((each) => (
              <Option key={each} type="radio" name="mode" checked={mode === each} label={text.modes[each]} help={text.mint.modeHelp[each]} onChange={() => setMode(each)} />
            ))}
          </div>
        </Choice>
        <Field label={text.mint.ends} error={problems.expiresAt}
          help={ends === null ? text.mint.unendingWarning : ends && <Rich text={text.mint.endsAt} moment={<time dateTime={ends.toISOString()}>{format.moment(ends)}</time>} />}>
          {(attributes) => (
            <div class="pair">
              <select {...attributes} class="select" value={term} onChange={(event) => setTerm(event.currentTarget.value as Term)}>
                {terms.map((each) => <option key={each} value={each}>{termName(each)}</option>)}
              </select>
              {term === 'day' && <input type="date" class="input" required aria-label={text.mint.day} value={day} onInput={(event) => setDay(event.currentTarget.value)} />}
            </div>
          )}
        </Field>
        {lost && <Notice kind="problem">{text.mint.lost}</Notice>}
        {Boolean(error) && <Failure error={error} />}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>{text.general.cancel}</button>
          <button class="button primary" aria-disabled={busy}>{busy ? text.mint.busy : text.mint.submit}</button>
        </div>
      </form>
    </Dialog>
  )

  function termName(term: Term) {
    if (term === 'never') return text.mint.unending
    if (term === 'day') return text.mint.custom
    return term === '365' ? text.mint.year : text.mint.days(Number(term))
  }
}

// focusOn leads to the first control that something is wrong with, once it says
// so.
function focusOn(form: HTMLFormElement) {
  requestAnimationFrame(() => requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid=true], [data-invalid] input')?.focus()))
}
