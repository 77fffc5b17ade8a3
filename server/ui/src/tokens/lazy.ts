import { lazy } from '../parts/lazy'

const dialogs = () => import('./dialogs')

// loadDialogs loads the dialogs before they are asked for: once one is, the
// server may be out of reach.
export const loadDialogs = () => void dialogs().catch(() => undefined)

export const EditDialog = lazy(() => dialogs().then((all) => all.EditDialog))
export const MintDialog = lazy(() => dialogs().then((all) => all.MintDialog))
export const RevokeDialog = lazy(() => dialogs().then((all) => all.RevokeDialog))
export const RotateDialog = lazy(() => dialogs().then((all) => all.RotateDialog))
export const SecretDialog = lazy(() => dialogs().then((all) => all.SecretDialog))
