import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import type { Exec, Job } from '../exec.ts'
import { openLocalExec } from './local.ts'

let folder: string
let exec: Exec | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gyre-'))
})

afterEach(async () => {
  await exec?.close()
  exec = undefined
  await rm(folder, { recursive: true, force: true })
})

/** Jobs that run `script`, an ES module that finds this test's folder in `process.env.FOLDER`. */
async function execOf(script: string, maxJobs = 2, maxQueued = 1, more = {}): Promise<Exec> {
  const file = join(folder, 'runner.mjs')
  await writeFile(file, script)
  exec = openLocalExec({ runner: pathToFileURL(file), maxJobs, maxQueued, ...more })
  return exec
}

/** Tells its id when it starts, and again when it knows its job. */
const PATIENT = `
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
const folder = fileURLToPath(new URL('.', import.meta.url))
const tell = (name) => {
  writeFileSync(folder + '.part', String(process.pid))
  renameSync(folder + '.part', folder + name)
}
if (process.env.GYRE_SPARE) {
  process.once('disconnect', () => process.exit())
  const message = once(process, 'message')
  tell('spare')
  Object.assign(process.env, (await message)[0].environment)
}
tell(process.env.NAME)
process.exit()
`

function job(name: string, timeoutMs = 60_000): Job {
  return { name, timeoutMs, environment: () => ({ FOLDER: folder, NAME: name }) }
}

/** Waits for what a job writes. */
async function written(name: string): Promise<string> {
  await vi.waitFor(() => access(join(folder, name)), { timeout: 20_000, interval: 20 })
  return readFile(join(folder, name), 'utf8')
}

const STUBBORN = `
import { renameSync, writeFileSync } from 'node:fs'
process.on('SIGTERM', () => undefined)
setInterval(() => undefined, 1000)
writeFileSync(process.env.FOLDER + '/part', String(process.pid))
renameSync(process.env.FOLDER + '/part', process.env.FOLDER + '/' + process.env.NAME)
`

test('the end of a job tells its exit code and the last 40 lines of both streams', async () => {
  const local = await execOf(`
    for (let i = 0; i < 60; i++) console.log('line ' + i)
    console.error('and this went wrong')
    process.exitCode = 3
  `)
  const { end, tail } = await local.start(job('a')).ended
  expect(end).toEqual({ kind: 'exited', code: 3 })
  expect(tail.split('\n')).toHaveLength(40)
  expect(tail).toContain('line 59')
  expect(tail).toContain('and this went wrong')
  expect(tail).not.toContain('line 2\n')
})

test('what a job prints is handed on as it comes, all of it', async () => {
  const local = await execOf(`
    console.log('first')
    for (let i = 0; i < 60; i++) console.log('line ' + i)
  `)
  let printed = ''
  const output = (text: string) => void (printed += text)
  const { tail } = await local.start({ ...job('a'), output }).ended
  expect(printed.split('\n')).toHaveLength(62)
  expect(printed.startsWith('first\nline 0\n')).toBe(true)
  expect(printed.trimEnd().endsWith(tail)).toBe(true)
})

test('a program that never ends a line does not fill the memory', async () => {
  const local = await execOf(`process.stdout.write('x'.repeat(1_000_000) + 'end')`)
  const { tail } = await local.start(job('a')).ended
  expect(tail.length).toBe(16_384)
  expect(tail.endsWith('xend')).toBe(true)
})

test('a runner that cannot be read ends with the reason', async () => {
  exec = openLocalExec({ runner: pathToFileURL(join(folder, 'absent.mjs')), maxJobs: 1 })
  const { end, tail } = await exec.start(job('a')).ended
  expect(end).toEqual({ kind: 'exited', code: 1 })
  expect(tail).toContain('absent.mjs')
})

test('an environment that cannot be made ends the job, not the queue', async () => {
  const local = await execOf('', 1)
  const { end, tail } = await local.start({ ...job('a'), environment: noPass }).ended
  expect(end).toEqual({ kind: 'exited', code: 127 })
  expect(tail).toContain('no pass today')
  expect((await local.start(job('b')).ended).end).toEqual({ kind: 'exited', code: 0 })
})

test('a job learns nothing of the environment but what it is told and how to find programs', async () => {
  vi.stubEnv('GYRE_TEST_SECRET', 'hidden')
  const local = await execOf(`console.log(JSON.stringify(Object.keys(process.env)))`)
  const { tail } = await local.start(job('a')).ended
  vi.unstubAllEnvs()
  expect(tail).toContain('FOLDER')
  expect(tail).toContain('PATH')
  expect(tail).not.toContain('GYRE_TEST_SECRET')
})

test('a job that runs longer than its time-out is ended and says so', async () => {
  const local = await execOf('setInterval(() => undefined, 1000)')
  expect((await local.start(job('slow', 50)).ended).end).toEqual({ kind: 'timed-out' })
})

test('a cancelled job that ignores SIGTERM is ended by force', async () => {
  const local = await execOf(STUBBORN)
  const running = local.start(job('stubborn'))
  const pid = Number(await written('stubborn'))
  running.cancel(20)
  expect((await running.ended).end).toEqual({ kind: 'cancelled' })
  expect(await isAlive(pid)).toBe(false)
})

test('a job that was killed from outside tells by which signal', async () => {
  const local = await execOf(STUBBORN)
  const running = local.start(job('victim'))
  process.kill(Number(await written('victim')), 'SIGKILL')
  expect((await running.ended).end).toEqual({ kind: 'killed', signal: 'SIGKILL' })
})

test('jobs over the limit wait their turn, and one over the queue is refused', async () => {
  const local = await execOf(STUBBORN, 1)
  const first = local.start(job('first'))
  const second = local.start(job('second'))
  expect(() => local.start(job('third'))).toThrow(
    expect.objectContaining({ code: 'OVERLOADED', message: expect.stringContaining('third') }),
  )
  await written('first')
  await expect(access(join(folder, 'second'))).rejects.toThrow('ENOENT')
  first.cancel(0)
  await written('second')
  second.cancel(0)
  expect((await second.ended).end).toEqual({ kind: 'cancelled' })
})

test('a job cancelled in the queue never starts, and the next one does', async () => {
  const local = await execOf(STUBBORN, 1, 2)
  const first = local.start(job('first'))
  const second = local.start(job('second'))
  local.start(job('third'))
  await written('first')
  second.cancel(0)
  expect(await second.ended).toEqual({ end: { kind: 'cancelled' }, tail: '' })
  first.cancel(0)
  await written('third')
  await expect(access(join(folder, 'second'))).rejects.toThrow('ENOENT')
})

const MIB = 2 ** 20
const SMALL = { cores: 2, memoryBytes: 1024 * MIB, gpus: ['7'] }

test('a job that asks for more than the machine has is refused, not queued', async () => {
  const local = await execOf(STUBBORN, 1, 1, { machine: SMALL })
  const wide = { ...job('wide'), resources: { gpu: 2 } }
  expect(() => local.start(wide)).toThrow('job wide.resources.gpu: asked for 2 devices')
})

test('a job waits until what it asks for is free; none that came later overtakes it', async () => {
  const local = await execOf(STUBBORN, 3, 3, { machine: SMALL })
  const begun: string[] = []
  const begin = (name: string, resources: Job['resources']) => {
    const environment = () => {
      begun.push(name)
      return job(name).environment()
    }
    return local.start({ ...job(name), environment, resources })
  }
  const first = begin('first', { memoryBytes: 600 * MIB })
  const second = begin('second', { memoryBytes: 600 * MIB })
  const third = begin('third', { cpu: 1 })
  expect(begun).toEqual(['first'])
  first.cancel(0)
  await first.ended
  await vi.waitFor(() => expect(begun).toEqual(['first', 'second', 'third']))
  second.cancel(0)
  third.cancel(0)
})

test('a job that is cancelled while it waits for memory holds up nobody', async () => {
  const local = await execOf(STUBBORN, 3, 3, { machine: SMALL })
  const first = local.start({ ...job('first'), resources: { memoryBytes: 600 * MIB } })
  const second = local.start({ ...job('second'), resources: { memoryBytes: 600 * MIB } })
  local.start({ ...job('third'), resources: { cpu: 1 } })
  second.cancel(0)
  expect((await second.ended).end).toEqual({ kind: 'cancelled' })
  await written('third')
  first.cancel(0)
})

test('a job knows the devices that are its own', async () => {
  const local = await execOf(`console.log('has', process.env.CUDA_VISIBLE_DEVICES)`, 1, 1, {
    machine: SMALL,
  })
  const { tail } = await local.start({ ...job('a'), resources: { gpu: 1 } }).ended
  expect(tail).toBe('has 7')
  expect((await local.start(job('b')).ended).tail).toBe('has undefined')
})

/** Itself it needs some 50 MiB; its child fills 400 and says so. */
const GREEDY = `
import { spawnSync } from 'node:child_process'
const fill = 'const kept = Buffer.alloc(400 * 2 ** 20, 1); setInterval(() => kept.length, 1000)'
spawnSync(process.execPath, ['--eval', fill])
`

test.skipIf(process.platform !== 'linux')(
  'a job whose processes have more memory together than it asked for is ended, and tells how much',
  async () => {
    const local = await execOf(GREEDY, 1, 1, { machine: SMALL })
    const askedBytes = 256 * MIB
    const greedy = { ...job('greedy'), resources: { memoryBytes: askedBytes } }
    const { end } = await local.start(greedy).ended
    expect(end).toEqual({ kind: 'out-of-memory', askedBytes, usedBytes: expect.any(Number) })
    expect('usedBytes' in end && end.usedBytes).toBeGreaterThan(askedBytes)
  },
)

test('close leaves no process behind, neither a job nor what it started, and refuses new ones', async () => {
  const local = await execOf(
    `
    import { spawn } from 'node:child_process'
    import { renameSync, writeFileSync } from 'node:fs'
    const child = spawn('sleep', ['600'], { stdio: 'inherit' })
    writeFileSync(process.env.FOLDER + '/part', process.pid + ' ' + child.pid)
    renameSync(process.env.FOLDER + '/part', process.env.FOLDER + '/pids')
    setInterval(() => undefined, 1000)
  `,
    1,
  )
  local.start(job('a'))
  const waiting = local.start(job('b'))
  const pids = (await written('pids')).split(' ').map(Number)
  await local.close()
  expect((await waiting.ended).end).toEqual({ kind: 'cancelled' })
  expect(pids).toHaveLength(2)
  for (const pid of pids) await vi.waitFor(async () => expect(await isAlive(pid)).toBe(false))
  expect(() => local.start(job('c'))).toThrow(expect.objectContaining({ code: 'UNAVAILABLE' }))
})

test('a job takes the process that was started ahead, which nobody else gets', async () => {
  const local = await execOf(PATIENT, 2, 1, { spareIdleMs: 60_000 })
  local.expect()
  const spare = await written('spare')
  await rm(join(folder, 'spare'))
  expect((await local.start(job('a')).ended).end).toEqual({ kind: 'exited', code: 0 })
  expect(await written('a')).toBe(spare)
  const next = await written('spare')
  expect(next).not.toBe(spare)
  expect((await local.start(job('b')).ended).end).toEqual({ kind: 'exited', code: 0 })
  expect(await written('b')).toBe(next)
})

test('a process that waits and is killed costs no job', async () => {
  const local = await execOf(PATIENT, 2, 1, { spareIdleMs: 60_000 })
  local.expect()
  const spare = Number(await written('spare'))
  process.kill(spare, 'SIGKILL')
  // Until it is reaped, for only then its end is known here.
  await vi.waitFor(() => expect(access(`/proc/${spare}`)).rejects.toThrow('ENOENT'))
  expect((await local.start(job('a')).ended).end).toEqual({ kind: 'exited', code: 0 })
  expect(Number(await written('a'))).not.toBe(spare)
})

test('a process that waits for nothing ends, after its time or with the server', async () => {
  const impatient = await execOf(PATIENT, 2, 1, { spareIdleMs: 1 })
  impatient.expect()
  await impatient.close()
  const local = await execOf(PATIENT, 2, 1, { spareIdleMs: 3_600_000 })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  local.expect()
  const first = Number(await written('spare'))
  vi.advanceTimersByTime(3_600_000)
  vi.useRealTimers()
  await vi.waitFor(async () => expect(await isAlive(first)).toBe(false), { timeout: 20_000 })
  await rm(join(folder, 'spare'))
  local.expect()
  const second = Number(await written('spare'))
  await local.close()
  await vi.waitFor(async () => expect(await isAlive(second)).toBe(false))
  local.expect()
  expect(() => local.start(job('late'))).toThrow('the server stops')
})

function noPass(): never {
  throw new Error('no pass today')
}

/** A process that has ended but was not reaped (`Z`) is dead. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) [ZX] /.test(stat)
}
