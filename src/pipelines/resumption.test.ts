import type { Manifest } from '@gyre/sdk/wire/manifest'
import { expect, test } from 'vitest'
import {
  CTX,
  failWith,
  from,
  hanging,
  literal,
  moduleStep,
  openBench,
  param,
  projectOf,
  succeedWith,
  type Script,
} from './fixture.ts'

/** Rows, then a model of them and one beside it, then a check of the model. */
function projectWith(change: { readonly fit?: string; readonly rows?: string } = {}): Manifest {
  const seed = { seed: literal(1) }
  return projectOf(
    moduleStep('rows', { ...seed, k: param('k') }, { digest: change.rows ?? 'rows 1' }),
    moduleStep('fit', { ...seed, rows: from('rows', 'by') }, { digest: change.fit ?? 'fit 1' }),
    moduleStep('beside', { ...seed, rows: from('rows', 'by') }),
    moduleStep('check', { ...seed, model: from('fit', 'by'), j: param('j') }),
  )
}

function withParams(manifest: Manifest): Manifest {
  const [train] = manifest.pipelines
  if (!train) throw new Error('no pipeline')
  const params = {
    k: { type: 'int', default: 3 },
    j: { type: 'int', default: 4 },
  } as const
  return { ...manifest, pipelines: [{ ...train, params }] }
}

/** Each attempt gives another output, so that what is reused is told from what is made. */
function counting(fails: (step: string) => boolean = () => false): Script {
  let count = 0
  return (attempt, server) =>
    fails(attempt.step)
      ? failWith(attempt, server, 'broken')
      : succeedWith(attempt, server, { by: `${attempt.step} ${++count}` })
}

const ALL = { params: {} }

async function openShop(fails?: (step: string) => boolean) {
  const bench = await openBench(withParams(projectWith()))
  const server = bench.serve(counting(fails))
  const { id } = await server.pipelines.start(CTX, 'train', {})
  const run = await server.pipelines.ended(CTX, id)
  const resume = async (asked: Parameters<typeof server.pipelines.resumeFrom>[2]) => {
    server.started.length = 0
    const { id: resumed } = await server.pipelines.resumeFrom(CTX, id, asked)
    return server.pipelines.ended(CTX, resumed)
  }
  return { bench, id, run, resume, ...server }
}

test('a run that failed goes on from there with the mended code, and keeps what was made', async () => {
  let isBroken = true
  const { bench, id, run, resume, started, pipelines } = await openShop(
    (step) => step === 'fit' && isBroken,
  )
  expect(run.status).toBe('failed')
  isBroken = false
  bench.manifest = withParams(projectWith({ rows: 'rows 2', fit: 'fit 2' }))
  const resumed = await resume(ALL)
  expect(resumed).toMatchObject({ status: 'succeeded', resumes: id, repeats: null })
  expect(started.toSorted()).toEqual(
    run.steps[2]?.state === 'succeeded' ? ['check', 'fit'] : ['beside', 'check', 'fit'],
  )
  const [rows, fit] = resumed.steps
  expect(rows).toMatchObject({ cached: true, attempt: 0, runId: run.steps[0]?.runId })
  expect(rows?.outputs).toEqual(run.steps[0]?.outputs)

  const made = await bench.runs.get(CTX, fit?.runId ?? '')
  expect(made.inputs).toContainEqual({ ref: `run:${rows?.runId}`, role: 'rows' })
  expect((await bench.runs.get(CTX, resumed.id)).inputs).toContainEqual({
    ref: `run:${id}`,
    role: 'resumes',
  })
  expect(await pipelines.why(CTX, resumed.id, 'rows')).toMatchObject({
    answer: 'reused',
    earlier: id,
  })
})

test('from a step on everything is made anew although nothing changed, and nothing else', async () => {
  const { id, run, resume, started, pipelines, bench } = await openShop()
  const resumed = await resume({ from: 'fit', params: {} })
  expect(started).toEqual(['fit', 'check'])
  expect(resumed.steps.map(({ step, cached }) => [step, cached])).toEqual([
    ['rows', true],
    ['fit', false],
    ['beside', true],
    ['check', false],
  ])
  expect(resumed.steps[1]?.outputs).not.toEqual(run.steps[1]?.outputs)
  expect(await pipelines.why(CTX, resumed.id, 'fit')).toMatchObject({
    answer: 'forced',
    earlier: id,
    changed: [],
  })
  expect((await bench.runs.get(CTX, resumed.id)).code?.command).toEqual([
    'gyre',
    'pipeline',
    'resume',
    id,
    '--from',
    'fit',
  ])
  // What was made last is what the next run finds.
  started.length = 0
  const next = await pipelines.start(CTX, 'train', {})
  const { steps } = await pipelines.ended(CTX, next.id)
  expect(started).toEqual([])
  expect(steps.map(({ outputs }) => outputs)).toEqual(resumed.steps.map(({ outputs }) => outputs))
})

test('a resumed run is itself resumed, and a cancelled one is', async () => {
  const { bench, pipelines } = await openShop()
  const { script, begun } = hanging()
  const stuck = bench.serve(script).pipelines
  const { id } = await stuck.start(CTX, 'train', { k: 9 })
  await begun
  await expect(stuck.resumeFrom(CTX, id, ALL)).rejects.toThrow(`${id} runs still`)
  await stuck.cancel(CTX, id)
  await stuck.ended(CTX, id)
  const one = await pipelines.resumeFrom(CTX, id, ALL)
  const ended = await pipelines.ended(CTX, one.id)
  expect(ended).toMatchObject({ status: 'succeeded', params: { k: 9, j: 4 } })
  const two = await pipelines.resumeFrom(CTX, one.id, { from: 'check', params: {} })
  expect(await pipelines.ended(CTX, two.id)).toMatchObject({
    status: 'succeeded',
    resumes: one.id,
    steps: [{ cached: true }, { cached: true }, { cached: true }, { cached: false }],
  })
})

test('a parameter may change unless a step that is kept was made with it', async () => {
  const { resume } = await openShop()
  const resumed = await resume({ from: 'check', params: { j: 5 } })
  expect(resumed).toMatchObject({ status: 'succeeded', params: { k: 3, j: 5 } })
  await expect(resume({ from: 'check', params: { k: 4 } })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('params.k: step rows, whose outputs are kept'),
    details: { field: 'params.k' },
  })
  expect(await resume({ from: 'check', params: { k: 3 } })).toMatchObject({ status: 'succeeded' })
  await expect(resume({ from: 'check', params: { q: 3 } })).rejects.toThrow('params.q')
})

test('a step that is no longer there is named with those that are', async () => {
  const { bench, id, resume, pipelines } = await openShop((step) => step === 'fit')
  const { pipelines: none, ...rest } = projectWith()
  const steps = (none[0]?.steps ?? []).filter(({ name }) => name === 'rows' || name === 'beside')
  bench.manifest = withParams({ ...rest, pipelines: [{ name: 'train', params: {}, steps }] })
  await expect(resume({ from: 'check', params: {} })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message:
      'from: step check is not in the pipeline train as it is applied now; it has rows, beside',
  })
  await expect(resume(ALL)).rejects.toThrow('step fit, which failed, is not in the pipeline train')
  bench.manifest = { ...rest, pipelines: [] }
  await expect(resume(ALL)).rejects.toThrow('no pipeline train')
  await expect(pipelines.resumeFrom(CTX, 'run_0', ALL)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  expect((await pipelines.get(CTX, id)).status).toBe('failed')
})

test('what succeeded names no step to go on from, and a repetition decides nothing', async () => {
  const { id, resume, pipelines } = await openShop()
  await expect(resume(ALL)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: `${id} succeeded; name the step to resume from`,
  })
  const repetition = await pipelines.repeat(CTX, id)
  await pipelines.ended(CTX, repetition.id)
  const again = pipelines.resumeFrom(CTX, repetition.id, { from: 'fit', params: {} })
  await expect(again).rejects.toThrow(`repeats ${id}`)
})
