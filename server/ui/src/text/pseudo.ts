import type { Text } from './en'

const plain = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
const accented = 'áƀçđéƒǵĥíĵķłḿńóƥɋŕšťúṽŵẋýžÁƁÇĐÉƑǴĤÍĴĶŁḾŃÓƤɊŔŠŤÚṼŴẊÝŽ'

// disguise accents every letter but those in {}, which names what is put in.
const disguise = (text: string) =>
  text
    .split(/(\{\w+\})/)
    .map((part, i) => (i % 2 ? part : part.replace(/[a-z]/gi, (c) => accented[plain.indexOf(c)] ?? c)))
    .join('')

// pseudo is a catalogue whose words no program has by heart, and which are
// longer than English: what shows otherwise in a page does not come from it.
export function pseudo(text: Text): Text {
  const convert = (value: unknown): unknown => {
    if (typeof value === 'string') return `[${disguise(value)}${'~'.repeat(Math.ceil(value.length / 4))}]`
    if (typeof value === 'function') return (...args: unknown[]) => convert((value as (...args: unknown[]) => unknown)(...args))
    return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, convert(inner)]))
  }
  return convert(text) as Text
}
