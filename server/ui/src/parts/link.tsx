import type { ComponentChildren } from 'preact'
import type { Where } from '../place'
import { useSite } from '../site'

interface LinkProps {
  to: Where
  class?: string
  current?: boolean
  label?: string
  children: ComponentChildren
}

// Link leads to another page of ours without loading it anew.
export function Link({ to, current, label, children, ...rest }: LinkProps) {
  const { place } = useSite()
  return (
    <a
      {...rest}
      href={place.href(to)}
      aria-current={current ? 'page' : undefined}
      aria-label={label}
      title={label}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
        event.preventDefault()
        place.go(to)
      }}
    >
      {children}
    </a>
  )
}
