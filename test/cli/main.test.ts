import { readFileSync } from 'node:fs'
import t from 'tap'
import { run } from './cinnabar.ts'

t.test('says what it can do', async (t) => {
  for (const args of [[], ['--help'], ['-h'], ['help']]) {
    const { code, stdout, stderr } = await run(t, args)
    t.strictSame([code, stderr], [0, ''])
    t.match(stdout, /^Usage: cinnabar COMMAND \[options\]\n/)
    for (const command of ['serve', 'token', 'publish', 'subscribe'])
      t.match(stdout, `\n  ${command} `)
  }
})

t.test('every command has a help of its own', async (t) => {
  for (const command of ['serve', 'token', 'publish', 'subscribe']) {
    const { code, stdout, stderr } = await run(t, [command, '--help'])
    t.strictSame([code, stderr], [0, ''], command)
    t.ok(stdout.startsWith(`Usage: cinnabar ${command} `), command)
  }
})

t.test('tells its version', async (t) => {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string }

  t.strictSame(await run(t, ['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
})

t.test('refuses what it does not know', async (t) => {
  t.strictSame(await run(t, ['subscrbe']), {
    code: 2,
    stdout: '',
    stderr:
      'cinnabar: unknown command "subscrbe" (did you mean subscribe?)\n"cinnabar --help" lists the commands\n',
  })
  t.strictSame(await run(t, ['--playground']), {
    code: 2,
    stdout: '',
    stderr: 'cinnabar: unknown flag "--playground"\n"cinnabar --help" lists the commands\n',
  })
  t.strictSame(await run(t, ['token', '--pubish', 'a', '--subscribe=b']), {
    code: 2,
    stdout: '',
    stderr:
      'cinnabar token: --pubish: unknown flag (did you mean --publish?)\ncinnabar token: unexpected argument "a"\n"cinnabar token --help" tells more\n',
  })
})

t.test('a configuration that cannot be used ends a command with 2 and every problem', async (t) => {
  const env = { MERCURE_PORT: 'x', MERCURE_HOST: '*' }

  t.strictSame(await run(t, ['token', '--publish=a'], { env }), {
    code: 2,
    stdout: '',
    stderr: `cinnabar token: host: expected an IP address or a host name such as "127.0.0.1", got "*" (from MERCURE_HOST)
cinnabar token: port: expected a port from 0 to 65535, got "x" (from MERCURE_PORT)
"cinnabar token --help" tells more
`,
  })
})
