// `npm run size`: what the client costs a page, minified and compressed. Prints a line for each part.
import { build } from 'esbuild'
import { gzipSync } from 'node:zlib'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const parts = {
  subscriber: `import { subscribe } from './src/client/index.ts'; subscribe({})`,
  'with sharing between tabs': `import { subscribe } from './src/client/index.ts'; subscribe({}); import './src/client/shared-feed.ts'; import('./src/client/shared-feed.ts')`,
  publisher: `import { publish, publishBatch } from './src/client/index.ts'; publish(publishBatch)`,
  'living set of subscriptions': `import { subscriptions } from './src/client/index.ts'; subscriptions({})`,
  everything: `export * from './src/client/index.ts'`,
}

/** Bytes of each part, minified and compressed with gzip; what is loaded on demand is left out. */
export async function sizes() {
  const measured = Object.entries(parts).map(async ([name, contents]) => {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: root, loader: 'ts' },
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      target: 'es2023',
      splitting: true,
      outdir: 'out',
      logLevel: 'silent',
      entryNames: 'entry',
      chunkNames: 'chunk-[hash]',
      metafile: true,
    })
    return [name, gzipSync(await needed(outputFiles, name), { level: 9 }).length]
  })
  return Object.fromEntries(await Promise.all(measured))
}

/** The entry and the chunks that it imports at once. */
async function needed(files, name) {
  const textOf = (file) => files.find(({ path }) => path.endsWith(file))?.text ?? ''
  const isWhole = name.startsWith('with')
  const seen = new Set()
  const take = (file) => {
    if (seen.has(file)) return ''
    seen.add(file)
    const text = textOf(file)
    const pattern = isWhole
      ? /["']\.\/(chunk-[^"']+)["']/g
      : /(?:from|import) ?["']\.\/(chunk-[^"']+)["']/g
    return text + [...text.matchAll(pattern)].map(([, next]) => take(next)).join('')
  }
  return take('entry.js')
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [name, bytes] of Object.entries(await sizes()))
    console.log(`${(bytes / 1024).toFixed(2).padStart(6)} KB  ${name}`)
