import type { Ability, RevokeOld, TokenRowFragment } from '../api/schema'
import { EditDialog, MintDialog, RevokeDialog, RotateDialog } from './lazy'

// Open is the dialog that is open, if one is.
export type Open =
  | { readonly kind: 'mint'; readonly label: string; readonly abilities: readonly Ability[] }
  | { readonly kind: 'rotate'; readonly token: TokenRowFragment; readonly ends: RevokeOld }
  | { readonly kind: 'edit'; readonly token: TokenRowFragment; readonly keep: readonly Ability[] }
  | { readonly kind: 'revoke'; readonly token: TokenRowFragment }

interface DialogsProps {
  open: Open | undefined
  onClose: () => void
  onRevoked: () => void
}

// Dialogs is the dialog that is open.
export function Dialogs({ open, onClose, onRevoked }: DialogsProps) {
  switch (open?.kind) {
    case 'mint': return <MintDialog label={open.label} abilities={open.abilities} onClose={onClose} />
    case 'rotate': return <RotateDialog token={open.token} ends={open.ends} onClose={onClose} />
    case 'edit': return <EditDialog token={open.token} keep={open.keep} onClose={onClose} />
    case 'revoke': return <RevokeDialog token={open.token} onClose={onClose} onDone={onRevoked} />
    case undefined: return null
  }
}
