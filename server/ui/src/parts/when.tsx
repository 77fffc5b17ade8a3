import { useSite } from '../site'
import { useNow } from '../site'

// When is a moment relative to now. The exact one, with its zone, shows under the
// pointer and to the keyboard.
export function When({ at }: { at: string }) {
  const { format } = useSite()
  const now = useNow()
  const moment = new Date(at)
  return (
    <span class="when" tabIndex={0} onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}>
      <time dateTime={at}>{format.relative(moment, now)}</time>
      <time class="tip" dateTime={at}>{format.moment(moment)}</time>
    </span>
  )
}

// DateOf is a day, where the time of day does not matter.
export function DateOf({ at }: { at: string }) {
  const { format } = useSite()
  return <time dateTime={at}>{format.date(new Date(at))}</time>
}
