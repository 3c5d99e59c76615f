import { appendFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unpacked } from '../../store/foreign-fixture.ts'
import { readAll } from './fixture.ts'
import { openFileStore } from './mlflow-files.ts'
import { createTally } from './tally.ts'

async function read(folder: string, copies: readonly string[] = []) {
  const tally = createTally()
  const source = await readAll(await openFileStore(tally, folder, copies))
  return { source, ...tally.report() }
}

/** The fixture, and where in it the run `grid` of the experiment `flights` is. */
async function openStore() {
  const root = join(await unpacked('mlflow-folder'), 'mlruns')
  const { source } = await read(root)
  const grid = source.runs.find(({ run }) => run.name === 'grid')?.run.id ?? ''
  const tree = source.loggedModels.find(({ model }) => model.name === 'tree')?.model.id ?? ''
  const folders = (await readdir(root)).filter((name) => /^\d{2,}$/.test(name))
  for (const experiment of folders)
    if ((await readdir(join(root, experiment))).includes(grid))
      return { root, experiment: join(root, experiment), run: join(root, experiment, grid), grid, tree } // prettier-ignore
  throw new Error('the fixture has no run named grid')
}

test('a folder that MLflow has not written is refused', async () => {
  const folder = await unpacked('wandb-staging')
  await mkdir(join(folder, 'else'))
  await expect(read(folder)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/expected a folder of experiments/),
  })
})

test('a meta.yaml that is cut off, missing, of another run or no file is refused with its run', async () => {
  const { root, experiment, run, grid } = await openStore()
  const others = (await readdir(experiment)).filter((name) => /^[0-9a-f]{32}$/.test(name) && name !== grid) // prettier-ignore
  const [missing = '', swapped = '', folder = '', ...rest] = others
  const meta = join(run, 'meta.yaml')
  await writeFile(meta, (await readFile(meta, 'utf8')).slice(0, 60))
  await rm(join(experiment, missing, 'meta.yaml'))
  const strange = await readFile(join(experiment, rest[0] ?? '', 'meta.yaml'))
  await writeFile(join(experiment, swapped, 'meta.yaml'), strange)
  await rm(join(experiment, folder, 'meta.yaml'))
  await mkdir(join(experiment, folder, 'meta.yaml'))
  const { source, refusals, counts } = await read(root)
  const reasons = Object.fromEntries(
    refusals
      .filter(({ kind }) => kind === 'runs')
      .map(({ what, reason }) => [what.slice(experiment.length + 1), reason]),
  )
  expect(reasons).toEqual({
    [grid]: expect.stringMatching(/^meta.yaml: run_uuid: /),
    [missing]: 'meta.yaml: it is missing',
    [swapped]: `meta.yaml: it is of the run ${rest[0]}`,
    [folder]: expect.stringMatching(/^meta.yaml: EISDIR/),
  })
  expect(source.runs).toHaveLength(3)
  // What a version of a model was made of did not come with it.
  expect(counts['model versions']).toMatchObject({ refused: 2 })
})

test('lines of a metric that are none are refused by their numbers, the others come', async () => {
  const { root, run, grid } = await openStore()
  await appendFile(
    join(run, 'metrics', 'loss'),
    'garbage\n1700000000000 abc 1\n1700000000000 1 9223372036854775808\n1700000100000 0.5 20000\n17000001',
  )
  const { source, refusals } = await read(root)
  const points = source.runs.find(({ run: { id } }) => id === grid)?.points ?? []
  const loss = points.filter(({ key }) => key === 'loss')
  expect(loss).toHaveLength(10_501)
  expect(loss.at(-1)).toEqual({ key: 'loss', atMs: 1_700_000_100_000, value: 0.5, step: 20_000 })
  expect(refusals).toEqual(
    [10_501, 10_502, 10_503, 10_505].map((line) => ({
      kind: 'points',
      what: `loss of run ${grid}, line ${line}`,
      reason: expect.stringMatching(/^(expected a time, a value and a step|the line is cut off)/),
    })),
  )
})

test('links and locations that lead out of the folder are refused by name', async () => {
  const { root, run, grid, tree } = await openStore()
  const secret = await unpacked('wandb-staging')
  const [name = ''] = await readdir(secret)
  await symlink(join(secret, name), join(run, 'artifacts', 'link'))
  await symlink(secret, join(run, 'artifacts', 'folder'))
  await symlink('/etc/passwd', join(run, 'params', 'passwd'))
  await symlink('..', join(run, 'artifacts', 'up'))
  const model = join(run, '..', 'models', tree)
  await rm(join(model, 'artifacts'), { recursive: true })
  const meta = await readFile(join(model, 'meta.yaml'), 'utf8')
  await mkdir(join(secret, 'm', 'artifacts'), { recursive: true })
  await writeFile(
    join(model, 'meta.yaml'),
    meta.replace(/artifact_location: .*/, `artifact_location: ${secret}/m/../m/artifacts`),
  )
  const { source, refusals } = await read(root)
  expect(refusals.map(({ what, reason }) => `${what}: ${reason}`)).toEqual([
    `passwd of params of run ${grid}: the link leads to /etc/passwd`,
    `folder of run ${grid}: the link leads to ${secret}`,
    `link of run ${grid}: the link leads to ${join(secret, name)}`,
    `up of run ${grid}: the link leads to a folder above it`,
    expect.stringMatching(/m\/artifacts is outside of what is imported: --artifacts FOLDER lets it in$/), // prettier-ignore
  ])
  const files = source.runs.find(({ run: { id } }) => id === grid)?.files ?? []
  expect(files.map(({ path }) => path)).toEqual([
    'empty',
    'model/MLmodel',
    'model/weights.txt',
    'plots/curve.txt',
    'plots/深/größe.bin',
  ])
  const again = await read(root, [secret])
  expect(again.refusals.map(({ what }) => what)).toEqual([
    `passwd of params of run ${grid}`,
    `up of run ${grid}`,
  ])
})

test('traces whose parts cannot be read lose those alone, by name', async () => {
  const { root, experiment } = await openStore()
  const traces = join(experiment, 'traces')
  const [one = '', two = '', three = ''] = await readdir(traces)
  await writeFile(join(traces, one, 'artifacts', 'traces.json'), '{"spans": [')
  await rm(join(traces, two, 'artifacts', 'traces.json'))
  const [assessment = ''] = await readdir(join(traces, two, 'assessments'))
  await writeFile(join(traces, two, 'assessments', assessment), 'assessment_id: a-1\n')
  await writeFile(join(traces, three, 'trace_info.yaml'), 'state: OK\n')
  const { source, refusals } = await read(root)
  expect(refusals).toEqual([
    { kind: 'spans', what: `those of trace ${one}`, reason: expect.stringMatching(/^traces.json: /) }, // prettier-ignore
    { kind: 'spans', what: `those of trace ${two}`, reason: 'traces.json: it is missing' },
    { kind: 'assessments', what: `${assessment} of trace ${two}`, reason: expect.stringMatching(/create_time/) }, // prettier-ignore
    { kind: 'traces', what: join(traces, three), reason: expect.stringMatching(/expected a trace_id/) }, // prettier-ignore
  ])
  expect(source.traces.map(({ trace }) => [trace.id, trace.spans.length])).toEqual([
    [one, 0],
    [two, 0],
  ])
})

test('what MLflow has not put there is refused by its place', async () => {
  const { root, run, experiment } = await openStore()
  await writeFile(join(root, 'notes.txt'), 'mine')
  await writeFile(join(experiment, 'notes.txt'), 'mine')
  await mkdir(join(run, 'else'))
  const { refusals } = await read(root)
  expect(refusals.map(({ kind, what }) => [kind, what])).toEqual([
    ['other files', join(root, 'notes.txt')],
    ['other files', join(experiment, 'notes.txt')],
    ['other files', join(run, 'else')],
  ])
})
