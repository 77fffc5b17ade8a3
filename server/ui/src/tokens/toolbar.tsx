import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Search } from '../parts/icons'
import type { Where } from '../place'
import { useSite } from '../site'

const searchAfter = 200 // ms without a key

interface ToolbarProps {
  query: Where['query']
  go: (change: Record<string, string>) => void
}

// Toolbar is what narrows and orders the list. All of it is in the address.
export function Toolbar({ query, go }: ToolbarProps) {
  const { text } = useSite()
  const [typed, setTyped] = useState(query.q ?? '')
  const id = useId()
  const sent = useRef(query.q ?? '')
  useEffect(() => {
    if (typed === sent.current) return
    const timer = setTimeout(() => go({ q: (sent.current = typed) }), searchAfter)
    return () => clearTimeout(timer)
  }, [typed])
  useEffect(() => {
    if ((query.q ?? '') !== sent.current) setTyped((sent.current = query.q ?? '')) // by Back, or "show all"
  }, [query.q])
  return (
    <form class="toolbar" role="search" aria-label={text.filters.title} onSubmit={(event) => event.preventDefault()}>
      <div class="search">
        <Search />
        <input id={id} type="search" value={typed} aria-label={text.filters.search} placeholder={text.filters.search} autocomplete="off" spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)} />
      </div>
      <Select label={text.filters.state} value={query.state ?? ''} onChange={(state) => go({ state })}
        options={[['', text.filters.working], ['EXPIRED', text.states.EXPIRED], ['REVOKED', text.states.REVOKED], ['all', text.filters.all]]} />
      <Select label={text.filters.mode} value={query.mode ?? ''} onChange={(mode) => go({ mode })}
        options={[['', text.filters.anyMode], ['LIVE', text.modes.LIVE], ['TEST', text.modes.TEST]]} />
      <Select label={text.filters.order} value={query.order ?? ''} onChange={(order) => go({ order })}
        options={[['', text.filters.newest], ['label', text.filters.byLabel], ['used', text.filters.byUse]]} />
    </form>
  )
}

interface SelectProps {
  label: string
  value: string
  options: [value: string, name: string][]
  onChange: (value: string) => void
}

// Select is a choice from a list. Its label is for those who do not see the
// choices that stand beside it.
export function Select({ label, value, options, onChange }: SelectProps) {
  return (
    <select class="select" aria-label={label} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
      {options.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
    </select>
  )
}
