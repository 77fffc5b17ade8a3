import type { Ability } from '../api/schema'
import { When } from '../parts/when'
import { useNow, useSite } from '../site'

interface AbilityUseProps {
  usage: readonly { readonly ability: Ability; readonly lastUsedAt: string | null }[]
}

const month = 30 * 86_400_000 // ms

// recency is how much of a bar is filled: all of it for a use right now, nothing
// for one a month ago or none at all.
const recency = (at: string | null, now: Date) => (at === null ? 0 : Math.max(0.04, 1 - (now.getTime() - Date.parse(at)) / month))

// AbilityUse is when each ability was last used: the more recently, the longer
// the bar and the darker.
export function AbilityUse({ usage }: AbilityUseProps) {
  const { text } = useSite()
  const now = useNow()
  return (
    <section class="card">
      <h2>{text.detail.uses}</h2>
      <table class="figures uses">
        <thead><tr><th scope="col">{text.detail.ability}</th><th scope="col" colSpan={2}>{text.tokens.lastUsed}</th></tr></thead>
        <tbody>
          {usage.map((each) => (
            <tr key={each.ability}>
              <td>{text.abilities[each.ability].title}</td>
              <td><Bar share={recency(each.lastUsedAt, now)} /></td>
              <td>{each.lastUsedAt ? <When at={each.lastUsedAt} /> : text.detail.unused}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="help">{text.detail.usesHelp}</p>
    </section>
  )
}

// Bar says nothing that is not beside it in words.
const Bar = ({ share }: { share: number }) => (
  <svg class="use" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="ground" width="100" height="8" rx="1" />
    {share > 0 && <rect class={`bar-${Math.ceil(share * 4)}`} width={share * 100} height="8" rx="1" />}
  </svg>
)
