import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from 'node:zlib'

const encodings = {
  '.br': {
    pack: (text) => brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: text.length } }),
    unpack: brotliDecompressSync,
  },
  '.gz': { pack: (text) => gzipSync(text, { level: 9 }), unpack: gunzipSync },
}

// compressed is a Vite plugin that puts a .br and a .gz beside each built file.
// Those of a file that is built as it was before stay as they are: compressors of
// different versions do not agree on the bytes, and a build must not differ by
// who ran it.
export function compressed(folder) {
  const before = new Map()
  const files = () => (existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [])
  const pathsOf = (wanted) =>
    files()
      .filter((file) => file.isFile())
      .map((file) => `${file.parentPath}/${file.name}`)
      .filter((path) => wanted === /\.(br|gz)$/.test(path))
  return {
    name: 'compressed',
    apply: 'build',
    buildStart() {
      for (const path of pathsOf(true)) before.set(path, readFileSync(path))
    },
    closeBundle() {
      for (const path of pathsOf(false)) {
        const text = readFileSync(path)
        for (const [suffix, { pack, unpack }] of Object.entries(encodings)) {
          const old = before.get(path + suffix)
          writeFileSync(path + suffix, old && unpack(old).equals(text) ? old : pack(text))
        }
      }
    },
  }
}
