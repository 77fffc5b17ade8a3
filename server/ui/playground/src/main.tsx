import './strict'
import './workers'
import 'graphiql/style.css'
import './style.css'
import { createRoot } from 'react-dom/client'
import { receiveSecret } from '../../src/handover'
import { authenticate, forget } from './identity'
import { Playground } from './Playground'

void forget() // nothing is held yet: this asks who is signed in
receiveSecret((secret) => void authenticate(secret))

createRoot(document.getElementById('app')!).render(<Playground />)
