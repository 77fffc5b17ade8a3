// The dialogs in which tokens are changed. They are loaded after the list.
export { EditDialog } from './edit'
export { MintDialog } from './mint'
export { RevokeDialog } from './revoke'
export { RotateDialog } from './rotate'
export { SecretDialog } from './secret'
