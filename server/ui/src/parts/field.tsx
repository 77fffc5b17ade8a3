import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps {
  label: ComponentChildren
  help?: ComponentChildren
  error?: string | undefined
  children: (attributes: { id: string; 'aria-describedby': string; 'aria-invalid': boolean }) => ComponentChildren
}

// Field is a control with its label, what helps to fill it in, and what is wrong
// with what was filled in.
export function Field({ label, help, error, children }: FieldProps) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, 'aria-describedby': `${id}-help ${id}-error`, 'aria-invalid': Boolean(error) })}
      <p class="help" id={`${id}-help`}>{help}</p>
      <p class="error" id={`${id}-error`} role="alert">{error}</p>
    </div>
  )
}

// Choice is a group of controls under one name.
export function Choice({ label, help, error, children }: { label: string; help?: string; error?: string | undefined; children: ComponentChildren }) {
  const id = useId()
  return (
    <fieldset class="field" aria-describedby={`${id}-help ${id}-error`} data-invalid={error ? '' : undefined}>
      <legend>{label}</legend>
      {help && <p class="help" id={`${id}-help`}>{help}</p>}
      {children}
      <p class="error" id={`${id}-error`} role="alert">{error}</p>
    </fieldset>
  )
}

interface OptionProps {
  type: 'radio' | 'checkbox'
  name: string
  checked: boolean
  disabled?: boolean
  label: ComponentChildren
  help?: ComponentChildren
  onChange: (checked: boolean) => void
}

// Option is a tick or a choice, with a line that says what it means.
export function Option({ type, name, checked, disabled, label, help, onChange }: OptionProps) {
  const id = useId()
  return (
    <div class="option">
      <input type={type} id={id} name={name} checked={checked} disabled={disabled} aria-describedby={`${id}-help`} onChange={(event) => onChange(event.currentTarget.checked)} />
      <label for={id}>{label}</label>
      <p class="help" id={`${id}-help`}>{help}</p>
    </div>
  )
}
