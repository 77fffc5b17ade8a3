import { defineConfig } from 'vite'
import { compressed } from './compress.js'
import pages from './vite.config.js'

// The element is one script that loads nothing more, which asks least of the policy
// of the page that it is in.
export default defineConfig({
  ...pages,
  plugins: [compressed('dist-embed')],
  build: {
    ...pages.build,
    outDir: 'dist-embed',
    modulePreload: false,
    rolldownOptions: {
      input: { embed: 'src/embed.tsx' },
      onLog(level, log, handle) {
        if (log.code !== 'EMPTY_IMPORT_META') handle(level, log) // in what preloads chunks, of which there are none
      },
      output: { format: 'iife', entryFileNames: '[name].js', codeSplitting: false },
    },
  },
})
