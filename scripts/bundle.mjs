// Bundles what runs in a browser, src/page/, into dist/src/page/assets: what the hub serves is all there,
// for a page without the network. The licences of what is bundled go with it.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const page = (name) => join(root, 'src/page', name)
const assets = join(root, 'dist/src/page/assets')

rmSync(assets, { recursive: true, force: true })
mkdirSync(assets, { recursive: true })
const { metafile } = await build({
  entryPoints: {
    playground: page('playground/main.tsx'),
    console: page('console/main.tsx'),
    theme: page('shared/theme-early.ts'),
    page: page('shared/page.css'),
  },
  outdir: assets,
  absWorkingDir: root,
  bundle: true,
  external: ['./shared-feed.ts'], // streams of several tabs on one connection: no page asks for that
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  legalComments: 'none',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  metafile: true,
  logLevel: 'warning',
})
for (const door of ['playground', 'console'])
  copyFileSync(page(`${door}/index.html`), join(assets, `${door}.html`))
copyFileSync(page('shared/icon.svg'), join(assets, 'icon.svg'))
writeFileSync(join(assets, 'licences.txt'), licencesOf(Object.keys(metafile.inputs)))

function licencesOf(inputs) {
  const packages = inputs.flatMap(
    (path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  )
  return [...new Set(packages)]
    .sort((a, b) => a.localeCompare(b))
    .map(licenceOf)
    .join('\n')
}

function licenceOf(name) {
  const folder = join(root, 'node_modules', name)
  const file = ['LICENSE', 'LICENSE.md', 'license'].find((one) => existsSync(join(folder, one)))
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8')}`
}
