import { defineConfig } from 'vite'
import { compressed } from './compress.js'

export default defineConfig({
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [compressed('dist')],
  build: {
    // The first browsers that know light-dark(): for older ones it would be
    // rewritten into something that follows no colour scheme.
    target: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0, // the pages' policy lets no data: URL through
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ['settings.html'],
      // What the list needs is one file: together it compresses best.
      output: { codeSplitting: { groups: [{ name: 'settings', tags: ['$initial'] }] } },
    },
  },
})
