import {
  appendFile,
  mkdir,
  readdir,
  readFile,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { unpacked } from '../../store/foreign-fixture.ts'
import { expected, readAll, type ReadRun } from './fixture.ts'
import { createTally } from './tally.ts'
import { openWandb, type WandbOptions } from './wandb.ts'

const PLAIN: WandbOptions = { copies: [], followLinks: false }

/** What wandb 0.31.0 was given to log (test/fixtures/import/make_wandb.py). */
const Logged = z.record(
  z.string(),
  z.object({
    name: z.string().default(''),
    status: z.string().default(''),
    params: z.record(z.string(), z.string()).default({}),
    labels: z.array(z.string()).default([]),
    points: z
      .record(z.string(), z.array(z.tuple([z.number(), z.union([z.number(), z.string()])])))
      .default({}),
    otherValues: z.number().default(0),
  }),
)

async function read(folder: string, options = PLAIN) {
  const tally = createTally()
  const source = await readAll(await openWandb(tally, folder, options))
  return { source, ...tally.report() }
}

/** The folder of the run, of which there is one. */
async function folderOf(all: string, run: string): Promise<string> {
  const [name = ''] = (await readdir(all)).filter((one) => one.includes(run))
  return join(all, name)
}

const NUMBERS: Readonly<Record<string, number>> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity } // prettier-ignore

/** Points as the expected ones are written: without W&B's own and those of the machine. */
function pointsOf({ points }: ReadRun, key: string) {
  return points.filter((point) => point.key === key).map(({ step, value }) => [step, value])
}

test('a folder without runs is refused', async () => {
  const folder = await unpacked('wandb-staging')
  await expect(read(folder)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/expected folders like offline-run-/),
  })
})

test('a run whose log is missing, empty or no log of W&B is refused by its folder', async () => {
  const all = await unpacked('wandb')
  await mkdir(join(all, 'offline-run-20260102_030405-nolog000'))
  const foreign = join(all, 'offline-run-20260102_030405-foreign0')
  await mkdir(foreign)
  await writeFile(join(foreign, 'run-foreign0.wandb'), 'this is no log')
  const { refusals, source } = await read(all)
  expect(refusals.filter(({ kind }) => kind === 'runs')).toEqual([
    { kind: 'runs', what: expect.stringMatching(/nolog000$/), reason: 'it has no transaction log (.wandb)' }, // prettier-ignore
    { kind: 'runs', what: expect.stringMatching(/foreign0$/), reason: 'its log tells of no run' },
    { kind: 'runs', what: expect.stringMatching(/killed00$/), reason: 'its log tells of no run' },
  ])
  expect(source.runs.map(({ run }) => run.id).toSorted()).toEqual([
    'again000',
    'first000',
    'long0000',
  ])
})

test('a log that was cut off keeps its whole records, and the cut is told with its place', async () => {
  const all = await unpacked('wandb')
  const folder = await folderOf(all, 'long0000')
  const log = join(folder, 'run-long0000.wandb')
  await truncate(log, 200_000)
  const { source, refusals } = await read(folder)
  const [run] = source.runs
  const whole = run ? pointsOf(run, 'loss') : []
  expect(whole.length).toBeGreaterThan(100)
  const logged = Logged.parse(expected('wandb'))['long0000']?.points['loss']
  expect(whole).toEqual(logged?.slice(0, whole.length))
  expect(run?.run.phase).toBe('KILLED')
  expect(refusals.map(({ what }) => what)).toEqual([log, log])
  expect(refusals.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/^bytes \d+ to 196608: a record without its end$/),
    'bytes 196608 to 200000: it ends in the middle of a frame',
  ])
})

test('a record of a newer W&B is refused with its run', async () => {
  const all = await unpacked('wandb')
  const folder = await folderOf(all, 'again000')
  const [name = ''] = (await readdir(folder)).filter((one) => one.endsWith('.wandb'))
  const log = join(folder, name)
  // A frame as LevelDB writes it: it is whole; field 99, a text.
  const data = Buffer.from([0x9a, 0x06, 0x02, 0x68, 0x69])
  await appendFile(log, frame(data))
  const { refusals } = await read(folder)
  expect(refusals).toEqual([
    { kind: 'log records', what: '1 of run again000', reason: 'only a newer W&B knows their kind' },
  ])
})

test('links out of the folder are refused by name, but for those of W&B own logs', async () => {
  const all = await unpacked('wandb')
  const folder = await folderOf(all, 'first000')
  await symlink('/etc/passwd', join(folder, 'files', 'passwd'))
  await symlink('/etc', join(folder, 'files', 'etc'))
  await symlink('nowhere', join(folder, 'files', 'dangling'))
  const { source, refusals, counts, notes } = await read(folder)
  expect(refusals.map(({ what, reason }) => `${what}: ${reason}`)).toEqual([
    'files/dangling of run first000: the link leads nowhere',
    'files/etc of run first000: the link leads to /etc: --follow-links takes it',
    'files/passwd of run first000: the link leads to /etc/passwd: --follow-links takes it',
    'files/plots/curve.txt of run first000: the link leads nowhere',
    expect.stringMatching(/^artifacts\/run-first000-errors\/v0\/errors.table.json of run first000/),
    expect.stringMatching(/^artifacts\/churn\/v0\/weights\/model.bin of run first000/),
  ])
  expect(source.runs[0]?.files.map(({ path }) => path)).toEqual([
    'media/images/sample_5_da72aab6d3b3d2f0b516.png',
    'media/table/errors_5_89bdc2a299a4d12e35bc.table.json',
    'output.log',
    'requirements.txt',
    'wandb/run-first000.wandb',
  ])
  expect(counts["W&B's own logs"]).toMatchObject({ found: 1, leftOut: 1, refused: 0 })
  expect(notes).toContainEqual({
    kinds: ["W&B's own logs"],
    reason: 'they tell of W&B and of its machine',
  })
})

test('files of artifacts and linked files come where they are given, by their digest', async () => {
  const all = await unpacked('wandb')
  const staging = await unpacked('wandb-staging')
  const folder = await folderOf(all, 'first000')
  const outside = await unpacked('wandb-staging')
  await writeFile(join(outside, 'curve.txt'), 'a curve\n')
  await symlink(join(outside, 'curve.txt'), join(folder, 'files', 'curve.txt'))
  const options = { copies: [staging], followLinks: true }
  const { source } = await read(folder, options)
  const files = new Map(source.runs[0]?.files.map(({ path, from }) => [path, from]))
  const model = files.get('artifacts/churn/v0/weights/model.bin') ?? ''
  expect([...(await readFile(model))]).toEqual(Array.from({ length: 256 }, (_, i) => i))
  expect(await readFile(files.get('curve.txt') ?? '', 'utf8')).toBe('a curve\n')
  await writeFile(model, 'another file of its name')
  const { refusals } = await read(folder, options)
  expect(refusals.map(({ what }) => what)).toContain(
    'artifacts/churn/v0/weights/model.bin of run first000',
  )
})

test('every run has what was logged to it, all of it', async () => {
  const { source, counts } = await read(await unpacked('wandb'))
  const logged = Logged.parse(expected('wandb'))
  const told = Object.entries(logged).filter(([, { name }]) => name !== '')
  expect(told.length).toBeGreaterThan(2)
  for (const [id, run] of told) {
    const found = source.runs.find((one) => one.run.id === id)
    expect(found?.run).toMatchObject({ format: 'wandb', name: run.name, phase: run.status })
    expect(Object.fromEntries(found?.run.params.map(({ key, value }) => [key, value]) ?? [])).toEqual(run.params) // prettier-ignore
    const labels = found?.run.tags.filter(({ key }) => key.startsWith('wandb.tag.')) ?? []
    expect(labels.map(({ key }) => key.slice('wandb.tag.'.length))).toEqual(run.labels)
    for (const [key, points] of Object.entries(run.points))
      expect(found && pointsOf(found, key), `${key} of ${id}`).toEqual(
        points.map(([step, value]) => [step, NUMBERS[value] ?? value]),
      )
  }
  const others = told.reduce((sum, [, { otherValues }]) => sum + otherValues, 0)
  expect(counts['values that are no numbers']).toMatchObject({ found: others, leftOut: others })
  expect(source.experiments.map(({ name }) => name).toSorted()).toEqual(['flights', 'other'])
})

/** A whole record of a log. Source: LevelDB, doc/log_format.md; W&B writes the CRC-32 of zlib, unmasked. */
function frame(data: Buffer): Buffer {
  const head = Buffer.alloc(7)
  head.writeUInt32LE(crc32(Buffer.concat([Buffer.from([1]), data])))
  head.writeUInt16LE(data.length, 4)
  head[6] = 1
  return Buffer.concat([head, data])
}
