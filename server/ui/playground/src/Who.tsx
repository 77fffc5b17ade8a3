import { type FormEvent, useRef, useState, useSyncExternalStore } from 'react'
import { authenticate, currentIdentity, forget, type Identity, watchIdentity } from './identity'

// Who is the bar at the top: as whom the playground asks, and how to change that.
export function Who() {
  const identity = useSyncExternalStore(watchIdentity, currentIdentity)
  const dialog = useRef<HTMLDialogElement>(null)
  const byToken = (identity.is === 'someone' || identity.is === 'ended') && identity.byToken
  return (
    <header className="who">
      <h1>Keloa API</h1>
      <p role="status" className="who-is">
        <Description identity={identity} />
      </p>
      {byToken && (
        <button type="button" onClick={() => void forget()}>
          Forget token
        </button>
      )}
      <button type="button" className="primary" onClick={() => dialog.current?.showModal()}>
        {byToken ? 'Use another' : 'Authenticate'}
      </button>
      <Authenticate dialog={dialog} />
    </header>
  )
}

function Description({ identity }: { identity: Identity }) {
  switch (identity.is) {
    case 'unknown':
      return null
    case 'nobody':
      return <>Not signed in: the schema is here to read. Authenticate to run operations.</>
    case 'ended':
      return (
        <strong>
          <bdi>{identity.viewer.actor.name}</bdi>{' '}
          {identity.byToken ? 'is no longer accepted: the token was revoked or has expired.' : 'is no longer signed in.'}
        </strong>
      )
  }
  const { actor, workspace, abilities, token } = identity.viewer
  return (
    <>
      {token ? 'Token ' : 'Signed in as '}
      <strong>
        <bdi>{token?.label ?? actor.name}</bdi>
      </strong>{' '}
      {token && (
        <>
          <code>{token.hint}</code> <span className={`mode ${token.mode.toLowerCase()}`}>{token.mode}</span>{' '}
        </>
      )}
      in <bdi>{workspace.name}</bdi>
      <span className="abilities" aria-label="Abilities">
        {abilities.map((ability) => (
          <span key={ability}>{ability}</span>
        ))}
      </span>
    </>
  )
}

// Authenticate is the box that takes a secret. It empties its field however it is
// left.
function Authenticate({ dialog }: { dialog: React.RefObject<HTMLDialogElement | null> }) {
  const field = useRef<HTMLInputElement>(null)
  const [error, setError] = useState<string>()
  const [asking, setAsking] = useState(false)

  async function submit(event: FormEvent) {
    event.preventDefault()
    setAsking(true)
    const wrong = await authenticate(field.current!.value)
    setAsking(false)
    setError(wrong)
    if (!wrong) dialog.current!.close()
    else field.current!.focus()
  }

  function left() {
    field.current!.value = ''
    setError(undefined)
  }

  return (
    <dialog ref={dialog} className="authenticate" aria-labelledby="authenticate-title" onClose={left}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <h2 id="authenticate-title">Authenticate</h2>
        <p>
          Paste the secret of an API token. A test-mode token is the one to try things out with: it sees and touches
          test-mode tokens only. The secret stays in the memory of this page, and is gone when you close or reload it.
        </p>
        <label htmlFor="secret">Secret</label>
        <input
          ref={field}
          id="secret"
          type="password"
          autoComplete="one-time-code"
          autoCapitalize="off"
          spellCheck={false}
          placeholder="keloa_pk_test_…"
          aria-invalid={error !== undefined}
          aria-describedby="secret-error"
        />
        <p id="secret-error" className="error" role="alert">
          {error}
        </p>
        <div className="actions">
          <button type="button" onClick={() => dialog.current!.close()}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={asking}>
            Use this token
          </button>
        </div>
      </form>
    </dialog>
  )
}
