import type { Ability } from '../api/schema'
import { Choice, Option } from '../parts/field'
import { useSite } from '../site'

const lesser: Ability[] = ['READ', 'WRITE_CONTACTS', 'WRITE_CONVERSATIONS', 'MANAGE_WEBHOOKS']

interface PickerProps {
  // What may be granted at most.
  held: readonly Ability[]
  chosen: readonly Ability[]
  onChange: (abilities: readonly Ability[]) => void
  sure: boolean
  onSure: (sure: boolean) => void
  error: string | undefined
}

// AbilityPicker offers the abilities that the caller holds. Full access stands
// apart and has to be meant: it includes the others.
export function AbilityPicker({ held, chosen, onChange, sure, onSure, error }: PickerProps) {
  const { text } = useSite()
  const all = held.includes('FULL_ACCESS')
  const full = chosen.includes('FULL_ACCESS')
  const toggle = (ability: Ability, on: boolean) => onChange(on ? [...chosen, ability] : chosen.filter((each) => each !== ability))
  return (
    <Choice label={text.mint.abilities} help={all ? text.mint.abilitiesHelp : `${text.mint.abilitiesHelp} ${text.mint.lacking}`} error={error}>
      {lesser.filter((ability) => all || held.includes(ability)).map((ability) => (
        <Option key={ability} type="checkbox" name="ability" checked={full || chosen.includes(ability)} disabled={full}
          label={text.abilities[ability].title} help={full ? text.mint.implied : text.abilities[ability].says} onChange={(on) => toggle(ability, on)} />
      ))}
      {all && (
        <div class="apart">
          <Option type="checkbox" name="ability" checked={full} label={text.abilities.FULL_ACCESS.title} help={text.abilities.FULL_ACCESS.says}
            onChange={(on) => {
              onSure(false)
              toggle('FULL_ACCESS', on)
            }} />
          {full && <Option type="checkbox" name="sure" checked={sure} label={text.mint.sure} onChange={onSure} />}
        </div>
      )}
    </Choice>
  )
}
