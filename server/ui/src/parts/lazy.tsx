import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Unreachable } from '../api/client'
import { Failure } from './notice'

// lazy is a component whose code is loaded when it is first shown.
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let Loaded: ComponentType<P> | undefined
  return function Lazy(props: P) {
    const [state, set] = useState<'loading' | 'failed' | 'loaded'>(Loaded ? 'loaded' : 'loading')
    useEffect(() => {
      if (state !== 'loading') return
      load().then((component) => {
        Loaded = component
        set('loaded')
      }, () => set('failed'))
    }, [state])
    if (Loaded) return <Loaded {...props} />
    return state === 'failed' ? <Failure error={new Unreachable()} retry={() => set('loading')} /> : null
  }
}
