// sessions is how the pages of one browser tell each other that one has signed in.
export const sessions = () => new BroadcastChannel('keloa-session')

// tellOthers has pages that wait for a sign-in look again.
export function tellOthers() {
  const channel = sessions()
  channel.postMessage('signed in')
  channel.close()
}
