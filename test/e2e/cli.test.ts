import { access, chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { ask, build, gyre, takenPort, up, upload } from './program.ts'

const OLD_NODE = fileURLToPath(new URL('./old-node.cjs', import.meta.url))
beforeAll(build)

/** Exactly one line on stderr, which matches, nothing on stdout, and the exit code. */
function refusal(code: number, line: RegExp) {
  const only = new RegExp(`^gyre: (?=[^\\n]*${line.source})[^\\n]+\\n$`)
  return { code, stdout: '', stderr: expect.stringMatching(only) }
}

test('a taken port is exit 2 and says how to choose another', async () => {
  const port = String(await takenPort())
  const ended = await gyre(['up', '--port', port, '--data', join(await tempFolder(), 'data')])
  expect(ended).toEqual(refusal(2, new RegExp(`port ${port} is taken.*--port`)))
})

test('a data folder that cannot be written is exit 2 and says how to choose another', async () => {
  const file = join(await tempFolder(), 'file')
  await writeFile(file, '')
  for (const data of [file, join(file, 'data'), '/proc/gyre'])
    expect(await gyre(['up', '--port', '0', '--data', data])).toEqual(
      refusal(2, /cannot write to the data folder .*--data/),
    )
})

test.skipIf(process.getuid?.() === 0)(
  'a data folder of somebody else is exit 2 (needs a user that is not root)',
  async () => {
    const folder = await tempFolder()
    await chmod(folder, 0o555)
    for (const data of [folder, join(folder, 'data')])
      expect(await gyre(['up', '--port', '0', '--data', data])).toEqual(
        refusal(2, /cannot write to the data folder .*change its owner/),
      )
  },
)

test('a second server on the same folder is exit 3, names the first, and leaves it be', async () => {
  const data = await tempFolder()
  const first = await up(data)
  expect(await gyre(['up', '--port', '0', '--data', data])).toEqual(
    refusal(3, /the data folder .* is in use by process \d+: stop it, or .*--data/),
  )
  const health = await fetch(`${first.url}/health`)
  expect(await health.json()).toEqual({ status: 'healthy' })
})

test('a Node that is too old is exit 2, whatever is asked, and says which to install', async () => {
  for (const [version, args] of [
    ['18.20.8', ['up']],
    ['20.19.6', ['--version']],
  ] as const)
    expect(await gyre(args, { node: ['--require', OLD_NODE], env: { OLD_NODE: version } })).toEqual(
      refusal(2, new RegExp(`Node ${version} is too old; install Node 20.20 or newer`)),
    )
})

const NOBODY = ['--url', 'http://127.0.0.1:9'] as const

const MISUSES: readonly (readonly [readonly string[], RegExp])[] = [
  [['nope'], /unknown command 'nope'; --help shows/],
  [['modle'], /unknown command 'modle' \(Did you mean model\?\); --help shows/],
  [['model', 'sing'], /unknown command 'sing'/],
  [['demo', 'nope'], /no example nope; there is: flights/],
  [['up', '--bogus'], /unknown option '--bogus'/],
  [['up', 'extra'], /too many arguments/],
  [['up', '--port', 'abc'], /--port: .*expected a number, got "abc"/],
  [['up', '--port', '70000'], /--port: .*65535.* got "70000"/],
  [
    ['run', 'x.py', '--env-manager', 'conda', ...NOBODY],
    /--env-manager: expected one of virtualenv, local/,
  ],
  [['ci', '--only', 'code', 'all', ...NOBODY], /--only: expected one of /],
  [['key', 'create', 'ci'], /required option '--role <role>' not specified/],
  [['model', 'show'], /missing required argument 'name'/],
  [['model', 'ls', '--url', 'nonsense'], /--url .*http:\/\/127\.0\.0\.1:7400, got nonsense/],
  [['model', 'approve', 'churn', ...NOBODY], /version: expected NAME@VERSION, got churn/],
  [['release', 'churn', 'churn@', ...NOBODY], /version: expected NAME@VERSION, got churn@/],
  [
    ['release', 'churn', 'churn@1', '--canary', '100', ...NOBODY],
    /--canary: expected less than 100/,
  ],
  [['pipeline', 'run', 'train', '--param', 'seed', ...NOBODY], /expected name=value, got seed/],
]

test('every misuse is exit 2 and one line: what is wrong, what was expected', async () => {
  const data = join(await tempFolder(), 'data')
  for (const [args, line] of MISUSES)
    expect([args, await gyre(args, { env: { GYRE_DATA: data } })]).toEqual([args, refusal(2, line)])
  await expect(access(data)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a bad gyre.json, an address that is none, a folder without a project, a server that is not there: one line', async () => {
  const folder = await tempFolder()
  const args = ['up', '--port', '0', '--data', join(folder, 'data')]
  const elsewhere = await gyre([...args, '--host', '127.0.0.300'])
  expect(elsewhere).toEqual(refusal(2, /cannot listen on 127\.0\.0\.300:0 .*--host and --port/))
  expect(await gyre(['model', 'ls', ...NOBODY])).toEqual(
    refusal(1, /no answer from http:\/\/127\.0\.0\.1:9 .*is "gyre up" running\?/),
  )
  expect(await gyre(['apply', folder, ...NOBODY])).toEqual(
    refusal(1, /no gyre\.config\.ts in \S+; gyre init makes one/),
  )
  await writeFile(join(folder, 'gyre.json'), '{"prot": 7400}')
  expect(await gyre(args, { cwd: folder })).toEqual(
    refusal(2, /gyre\.json: prot: no such setting; there are port, host, data/),
  )
})

test('an address others can reach needs a key first, and says how to make one', async () => {
  const args = ['up', '--port', '0', '--data', join(await tempFolder(), 'data'), '--host']
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.org'])
    expect(await gyre([...args, host])).toEqual(
      refusal(2, /--host \S+ lets other machines in, .*start on 127\.0\.0\.1 .*gyre key create/),
    )
})

test('a server answers to the address it listens on, and to the names it is told', async () => {
  const folder = await tempFolder()
  await writeFile(join(folder, 'gyre.json'), '{"allowedHosts": ["Gyre.Example"]}')
  const server = await up(join(folder, 'data'), { args: ['--host', '127.0.0.2'], cwd: folder })
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.2:/)
  const statusAs = async (host: string) => (await ask(`${server.url}/api/v1/runs`, { host })).status
  expect(await statusAs(new URL(server.url).host)).toBe(200)
  expect(await statusAs('gyre.example:80')).toBe(200)
  expect(await statusAs('evil.example')).toBe(421)
})

test('SIGINT and SIGTERM let the request under way end, end streams, and exit 0', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const data = await tempFolder()
    const server = await up(data)
    const stream = await ask(`${server.url}/api/v1/events`)
    const sending = await upload(server.url, Buffer.from('twelve bytes'))
    const stopping = server.stop(signal)
    await server.says(/stopping/)
    expect(await sending.finish()).toBe(201)
    expect(await stream.text()).toContain(': gyre')
    expect(await stopping).toMatchObject({ code: 0, stderr: '' })
    await expect(access(join(data, 'lock.json'))).rejects.toMatchObject({ code: 'ENOENT' })
  }
})

test('Ctrl-C while an example gets ready or runs ends both, without a word of serving', async () => {
  for (const moment of [/ready on/, /learned from and predicted/]) {
    const demo = await up(join(await tempFolder(), 'data'), { command: ['demo', 'flights'] })
    await demo.says(moment)
    const { code, stdout, stderr } = await demo.stop('SIGINT')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toContain('until Ctrl-C')
  }
})

test('a key is made, shown once, works as its role says, and stops when revoked', async () => {
  const server = await up(await tempFolder())
  const key = (...args: readonly string[]) => gyre(['key', ...args, '--url', server.url])
  const made = await key('create', 'dashboard', '--role', 'viewer')
  expect(made).toMatchObject({ code: 0, stderr: '' })
  const secret = made.stdout.trim()
  expect(secret).toMatch(/^gyre_[\w-]{43}$/)

  expect(await key('create', 'dashboard', '--role', 'viewer')).toEqual(
    refusal(1, /name: there is a key dashboard already/),
  )
  expect(await key('create', 'x', '--role', 'boss')).toEqual(
    refusal(2, /role: expected one of viewer, .*, got "boss"/),
  )
  expect(await key('revoke', 'nobody')).toEqual(refusal(1, /no live key nobody/))

  const asViewer = { env: { GYRE_URL: server.url, GYRE_KEY: secret } }
  expect(await gyre(['model', 'ls'], asViewer)).toMatchObject({ code: 0, stderr: '' })
  expect(await gyre(['key', 'ls'], asViewer)).toEqual(
    refusal(2, /key:dashboard may not admin \(role viewer\)/),
  )

  expect(await key('revoke', 'dashboard')).toMatchObject({ code: 0 })
  expect(await gyre(['model', 'ls'], asViewer)).toEqual(refusal(2, /unknown or revoked key/))
  const listed = await key('ls')
  expect(listed.stdout).toMatch(/^dashboard +viewer +\S+ +local +\d{4}-/m)
  expect(listed.stdout).not.toContain(secret)
})
