import type { ComponentChildren } from 'preact'
import { useId, useLayoutEffect, useRef } from 'preact/hooks'
import { useSite } from '../site'
import { Cross } from './icons'

interface DialogProps {
  title: ComponentChildren
  alert?: boolean
  // What the dialog asks for before it may go; then it has no way out of its own.
  guarded?: boolean
  onClose: () => void
  children: ComponentChildren
}

// Dialog is modal until it is taken away. Focus returns to what had it before.
export function Dialog({ title, alert, guarded, onClose, children }: DialogProps) {
  const { text } = useSite()
  const ref = useRef<HTMLDialogElement>(null)
  const id = useId()
  useLayoutEffect(() => {
    const dialog = ref.current!
    const opener = (dialog.getRootNode() as Document | ShadowRoot).activeElement as HTMLElement | null
    dialog.showModal()
    dialog.querySelector<HTMLElement>('[data-focus]')?.focus()
    return () => {
      dialog.close()
      if (opener?.isConnected) opener.focus()
    }
  }, [])
  // A browser may insist on closing after a second Esc: then it opens again.
  const insist = () => guarded && ref.current?.isConnected && !ref.current.open && ref.current.showModal()
  return (
    <dialog
      ref={ref}
      class="dialog"
      role={alert ? 'alertdialog' : 'dialog'}
      aria-labelledby={id}
      onClose={insist}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.preventDefault()
        onClose()
      }}
      onMouseDown={(event) => {
        if (event.target === ref.current) onClose() // the backdrop
      }}
    >
      <div class="dialog-inner">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          {!guarded && (
            <button type="button" class="icon-button" aria-label={text.general.close} onClick={onClose}>
              <Cross />
            </button>
          )}
        </header>
        {children}
      </div>
    </dialog>
  )
}
