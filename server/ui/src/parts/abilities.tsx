import type { Ability } from '../api/schema'
import { useSite } from '../site'

// AbilityChips are the abilities of a token.
export function AbilityChips({ abilities }: { abilities: readonly Ability[] }) {
  const { text } = useSite()
  return (
    <ul class="chips">
      {abilities.map((ability) => (
        <li key={ability} class={ability === 'FULL_ACCESS' ? 'chip strong' : 'chip'}>{text.abilities[ability].title}</li>
      ))}
    </ul>
  )
}
