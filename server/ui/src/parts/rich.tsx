import type { ComponentChildren } from 'preact'

// Rich puts elements into a text: what is named in {} in it.
export function Rich({ text, ...parts }: { text: string; [name: string]: ComponentChildren }) {
  return <>{text.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? parts[part] : part))}</>
}
