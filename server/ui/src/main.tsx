import { render } from 'preact'
import { newAsk } from './api/client'
import { App } from './app'
import { browserPlace, languageInQuery } from './place'
import './style/index.css'
import { languageFor } from './text/languages'

const language = await languageFor([languageInQuery(), ...navigator.languages])
document.documentElement.lang = language.format.locale
document.documentElement.dir = language.direction
const cookie = () => Promise.resolve(undefined)
render(
  <App site={{ ...language, ask: newAsk('/graphql', cookie), authorization: cookie, place: browserPlace(), origin: location.origin, embedded: false }} />,
  document.getElementById('app')!,
)
