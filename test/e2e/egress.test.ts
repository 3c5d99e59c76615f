import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { build, gyre, up, type Running } from './program.ts'

beforeAll(build)

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/

const Line = z.object({
  script: z.string().optional(),
  kind: z.enum(['begin', 'connect', 'send', 'lookup']),
  host: z.string().nullable(),
})

/** A preload that tells of every contact of a process and of those it starts, and what it has told. */
async function watchContacts(): Promise<{
  readonly env: Readonly<Record<string, string>>
  readonly told: () => Promise<readonly z.infer<typeof Line>[]>
}> {
  const log = join(await tempFolder(), 'contacts')
  const preload = new URL('./outgoing.mjs', import.meta.url)
  preload.searchParams.set('log', log)
  return {
    env: { NODE_OPTIONS: `--import=${preload.href}` },
    async told() {
      const lines = (await readFile(log, 'utf8')).trim().split('\n')
      return lines.map((line) => Line.parse(JSON.parse(line)))
    },
  }
}

/** strace is here and may attach to a process that is not its own child. */
const canAttach =
  spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0 &&
  (process.getuid?.() === 0 || ptraceScope() === '0')

function ptraceScope(): string {
  const path = '/proc/sys/kernel/yama/ptrace_scope'
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '0'
}

/** Attaches strace to a process; `contacts` ends it and gives the addresses that it and its children spoke to. */
async function traceContacts({
  pid,
}: Running): Promise<{ readonly contacts: () => Promise<ReadonlySet<string>> }> {
  const log = join(await tempFolder(), 'strace')
  const calls = 'trace=connect,sendto,sendmsg,sendmmsg'
  const strace = spawn('strace', ['-f', '-e', calls, '-o', log, '-p', String(pid)])
  const ended = once(strace, 'close')
  onTestFinished(() => void strace.kill('SIGKILL'))
  await once(strace.stderr, 'data')
  return {
    async contacts() {
      strace.kill('SIGINT')
      await ended
      const text = await readFile(log, 'utf8')
      return new Set(
        [...text.matchAll(/inet_(?:addr|pton)\((?:AF_INET6, )?"([^"]+)"/g)].map(
          ([, host = '']) => host,
        ),
      )
    },
  }
}

test('the watch tells of lookups and connections of a process, its threads and its children', async () => {
  const { env, told } = await watchContacts()
  const script = `
    import { spawnSync } from 'node:child_process'
    import { lookup } from 'node:dns/promises'
    import { get } from 'node:http'
    import { Worker } from 'node:worker_threads'
    await lookup('one.invalid').catch(() => 0)
    await fetch('http://two.invalid/').catch(() => 0)
    await new Promise((done) => get('http://127.0.0.2:7999/').once('error', done))
    new Worker('fetch("http://127.0.0.3:7999/").catch(() => 0)', { eval: true })
    spawnSync(process.execPath, ['-e', 'require("net").connect(7999, "127.0.0.4").on("error", () => 0)'])
  `
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env })
  const hosts = (await told()).map(({ kind, host }) => `${kind} ${host}`)
  expect(hosts).toEqual(
    expect.arrayContaining([
      'lookup one.invalid',
      'connect two.invalid',
      'connect 127.0.0.2',
      'connect 127.0.0.3',
      'connect 127.0.0.4',
    ]),
  )
})

/** Everything from a new project to a labelled prediction and its export. */
async function goRound(server: Running, env: Readonly<Record<string, string>>): Promise<void> {
  const project = join(await tempFolder(), 'churn')
  for (const args of [
    ['init', project, '--yes'],
    ['apply', project],
    ['data', 'import', 'customers', '--project', project],
    ['pipeline', 'run', 'train'],
    ['model', 'approve', 'churn@1'],
    ['release', 'churn', 'churn@1'],
  ])
    expect([args, await gyre(args, { env: { ...env, GYRE_URL: server.url } })]).toMatchObject([
      args,
      { code: 0, stderr: '' },
    ])
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' }
    return (
      await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    ).json()
  }
  const input = { plan: 'free', visits: 3, tickets: 1 }
  const predicted = await post('/predict/churn', { subject: 'c1', input })
  const { prediction_id } = z.object({ prediction_id: z.string() }).parse(predicted)
  expect(await post('/feedback', { prediction_id, label: 1 })).toEqual({ accepted: 1 })
  const exported = await fetch(`${server.url}/api/v1/endpoints/churn/predictions.parquet`)
  expect((await exported.arrayBuffer()).byteLength).toBeGreaterThan(0)
}

test('from a new project to an export no process of Gyre speaks to anything but this machine', async () => {
  const { env, told } = await watchContacts()
  const server = await up(join(await tempFolder(), 'data'), { env })
  await goRound(server, env)
  await server.stop('SIGTERM')
  const lines = await told()
  const began = lines.filter(({ kind }) => kind === 'begin').map(({ script }) => script)
  for (const script of ['gyre.js', 'evaluate-child.js', 'runner.js', 'duckdb-process.js'])
    expect(began).toContainEqual(expect.stringContaining(script))
  const contacts = lines.filter(({ kind }) => kind !== 'begin')
  expect(contacts.some(({ script }) => script?.endsWith('runner.js'))).toBe(true)
  expect(contacts.filter(({ host }) => !LOOPBACK.test(host ?? ''))).toEqual([])
})

test.skipIf(!canAttach)(
  'native code under the server speaks to nothing but this machine either (needs strace)',
  async () => {
    const server = await up(join(await tempFolder(), 'data'))
    const traced = await traceContacts(server)
    await goRound(server, {})
    const contacts = await traced.contacts()
    expect(contacts.size).toBeGreaterThan(0)
    expect([...contacts].filter((host) => !LOOPBACK.test(host))).toEqual([])
  },
)
