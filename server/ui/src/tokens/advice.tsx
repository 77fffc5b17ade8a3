import type { Ability, AdviceCode, TokenRowFragment } from '../api/schema'
import { Alert } from '../parts/icons'
import { Link } from '../parts/link'
import { useSigned, useSite } from '../site'
import type { Open } from './open'

const longAgo = 90 * 86_400_000 // ms without use, after which an ability counts as unused

// used are the abilities that a token has used lately.
const used = (token: TokenRowFragment): Ability[] =>
  token.abilityUsage.filter((use) => use.lastUsedAt && Date.now() - Date.parse(use.lastUsedAt) < longAgo).map((use) => use.ability)

interface AdviceProps {
  token: TokenRowFragment
  code: AdviceCode
  open: (what: Open) => void
}

// AdviceLine is one thing to do about a token, quietly, with the way to do it.
export function AdviceLine({ token, code, open }: AdviceProps) {
  const { text } = useSite()
  const { mayChange } = useSigned()
  const said = text.advice[code]
  const idle = token.abilities.filter((ability) => !used(token).includes(ability))
  return (
    <p class={code === 'EXPOSED' ? 'advice urgent' : 'advice'}>
      <Alert />
      <span>
        {typeof said === 'string' ? said : said(idle.map((ability) => text.abilities[ability].title))}{' '}
        {mayChange && action()}
      </span>
    </p>
  )

  function action() {
    const button = (name: string, what: Open) => <button type="button" class="inline" onClick={() => open(what)}>{name}</button>
    switch (code) {
      case 'UNUSED_ABILITY': return button(text.advice.narrow, { kind: 'edit', token, keep: token.abilities.filter((ability) => !idle.includes(ability)) })
      case 'FULL_ACCESS_UNNEEDED': return button(text.advice.narrow, { kind: 'edit', token, keep: used(token).filter((ability) => ability !== 'FULL_ACCESS') })
      case 'NEVER_USED':
      case 'STALE': return button(text.tokens.revoke, { kind: 'revoke', token })
      case 'EXPOSED': return button(text.tokens.rotate, { kind: 'rotate', token, ends: 'NOW' })
      case 'MINTER_LEFT': return button(text.tokens.rotate, { kind: 'rotate', token, ends: 'WHEN_NEW_IS_LIVE' })
      case 'SHARED_BY_CONSUMERS':
      case 'EXPIRES_SOON': return <Link to={{ view: 'tokens', query: { label: token.label, abilities: token.abilities.join(',') } }}>{text.tokens.create}</Link>
    }
  }
}
