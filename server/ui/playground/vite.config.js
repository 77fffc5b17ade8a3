import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { compressed } from '../compress.js'

// replaced is a plugin that replaces text in the one file that the path ends in,
// and fails the build if there is nothing to replace any more.
function replaced(path, from, to) {
  return {
    name: `replaced ${path}`,
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith(path)) return
      const changed = code.replace(from, to)
      if (changed === code) this.error(`${path} is not what it was: see vite.config.js`)
      return changed
    },
  }
}

export default defineConfig({
  logLevel: 'warn',
  resolve: {
    alias: { 'monaco-editor/esm/vs/editor/edcore.main.js': fileURLToPath(new URL('src/monaco.js', import.meta.url)) },
  },
  oxc: { jsx: { runtime: 'automatic' } },
  plugins: [
    // The fonts are inlined, which the page's policy forbids; those of the system
    // will do.
    replaced('/graphiql/dist/style.css', /@font-face\s*{[^}]*}/g, ''),
    // Some colours of the editors are too faint for small letters.
    replaced('/@graphiql/react/dist/constants.js', '"editor.background":', '"editorLineNumber.foreground": theme === "dark" ? "#9aa3b2" : "#237893", "editor.background":'),
    replaced('/@graphiql/react/dist/constants.js', /(base: "vs-dark",[\s\S]*?rules: \[)/, '$1{ token: "comment", foreground: "#7cb268" }, '),
    replaced('/@graphiql/react/dist/constants.js', /(base: "vs",[\s\S]*?)foreground: "#6c69ce"/, '$1foreground: "#5350b8" }, { token: "type", foreground: "#006f6f"'),
    // JSON is formatted by what is there anyway, instead of by half a megabyte.
    replaced(
      '/@graphiql/react/dist/utility/jsonc.js',
      /import { parse, (.*)([\s\S]*)async function formatJSONC\(content\) {[\s\S]*?\n}\n/,
      `import { applyEdits, format, parse, $1$2async function formatJSONC(content) {
        return applyEdits(content, format(content, undefined, { insertSpaces: true, tabSize: 2 }))
      }
      `,
    ),
    compressed('dist'),
  ],
  worker: { format: 'es' },
  build: {
    target: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0, // the page's policy lets no data: URL through
    chunkSizeWarningLimit: 4000,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ['playground.html'],
      onLog(level, log, handle) {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log) // meant for another tool
      },
      // Libraries apart from our own code, so that they stay as they are when it
      // changes.
      output: {
        codeSplitting: { groups: [{ name: 'graphiql', test: /node_modules\/(?!monaco|prettier)/ }] },
      },
    },
  },
})
