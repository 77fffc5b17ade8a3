import { useState } from 'preact/hooks'
import { UpdateDocument, type Ability, type TokenRowFragment } from '../api/schema'
import { Dialog } from '../parts/dialog'
import { Choice, Field, Option } from '../parts/field'
import { Failure } from '../parts/notice'
import { useNow, useSigned, useSite, wrongWith } from '../site'

const all: Ability[] = ['READ', 'WRITE_CONTACTS', 'WRITE_CONVERSATIONS', 'MANAGE_WEBHOOKS', 'FULL_ACCESS']

interface EditProps {
  token: TokenRowFragment
  // The abilities that are ticked at first.
  keep: readonly Ability[]
  onClose: () => void
}

// EditDialog gives a token another label, and takes abilities away from it.
export function EditDialog({ token, keep, onClose }: EditProps) {
  const { text, ask, format } = useSite()
  const { announce } = useSigned()
  const now = useNow()
  const [label, setLabel] = useState(token.label)
  const [abilities, setAbilities] = useState(keep)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const problems = { label: wrongWith('label', text, error), abilities: wrongWith('abilities', text, error) }
  const full = abilities.includes('FULL_ACCESS')
  const offered = token.abilities.includes('FULL_ACCESS') ? all : all.filter((ability) => token.abilities.includes(ability))
  const submit = async (event: Event) => {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    try {
      const kept = full ? token.abilities : abilities
      await ask(UpdateDocument, { input: { id: token.id, label: label.trim() === token.label ? null : label, abilities: kept } })
      announce(text.edit.done(label))
      onClose()
    } catch (error) {
      setError(error)
      setBusy(false)
    }
  }
  const lastUse = (ability: Ability) => {
    const at = token.abilityUsage.find((use) => use.ability === ability)?.lastUsedAt
    return at ? text.rotate.used(format.relative(new Date(at), now)) : text.detail.unused
  }
  return (
    <Dialog title={text.edit.title(token.label)} onClose={onClose}>
      <form class="form" noValidate onSubmit={submit}>
        <Field label={text.mint.label} error={problems.label}>
          {(attributes) => <input {...attributes} class="input" data-focus maxLength={100} dir="auto" value={label} onInput={(event) => setLabel(event.currentTarget.value)} />}
        </Field>
        <Choice label={text.mint.abilities} help={text.edit.narrow} error={problems.abilities}>
          {offered.map((ability) => (
            <Option key={ability} type="checkbox" name="ability" checked={abilities.includes(ability)} disabled={full && ability !== 'FULL_ACCESS'}
              label={text.abilities[ability].title} help={lastUse(ability)}
              onChange={(on) => setAbilities(on ? [...abilities, ability] : abilities.filter((each) => each !== ability))} />
          ))}
        </Choice>
        {Boolean(error) && !problems.label && !problems.abilities && <Failure error={error} />}
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onClose}>{text.general.cancel}</button>
          <button class="button primary" aria-disabled={busy}>{text.general.save}</button>
        </div>
      </form>
    </Dialog>
  )
}
