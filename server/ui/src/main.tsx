import { render } from 'preact'
import './style.css'

render(<p>API tokens</p>, document.getElementById('app')!)
