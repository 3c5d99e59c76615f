import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { expect, test } from 'vitest'
import { differences } from '../tracking/facts.ts'
import { CTX, failWith, from, moduleStep, openBench, projectOf, succeedWith } from './fixture.ts'
import type { Script } from './fixture.ts'

const EQUAL = { inputs: [], code: [], environment: [], metrics: [] }

const ROWS: StepSpec = {
  kind: 'training-set',
  name: 'rows',
  inputs: {},
  spec: {
    dataset: 'flights',
    every: 1,
    inputs: [{ kind: 'field', name: 'hour', field: 'hour' }],
    holdout: '1d',
  },
}
const REGISTER: StepSpec = {
  kind: 'register',
  name: 'register-delay',
  inputs: { fit: from('fit') },
  model: 'delay',
}
const PROJECT = projectOf(ROWS, moduleStep('fit', { rows: from('rows') }), REGISTER)

/** A step that tells what it runs on, logs one metric and gives it. */
function fitting(auc: number, environment = { node: 'v20.20.2' }): Script {
  return async (attempt, server) => {
    const { run: pipelineRunId, step, fence } = attempt
    await server.facts(CTX, { pipelineRunId, step, fence }, environment)
    await server.metrics(CTX, { pipelineRunId, step, fence }, [{ key: 'auc', value: auc }])
    await succeedWith(attempt, server, { auc })
  }
}

/** A step that logs a loss for each of its steps. */
function training(...losses: readonly number[]): Script {
  return async (attempt, server) => {
    const { run: pipelineRunId, step, fence } = attempt
    const points = losses.map((value, at) => ({ key: 'loss', value, step: at }))
    await server.metrics(CTX, { pipelineRunId, step, fence }, points)
    await succeedWith(attempt, server, {})
  }
}

/** Rows of a version of the dataset, and what reading them tells. */
const rows = (version: number) => ({
  'training-set': {
    where: 'server' as const,
    cached: true,
    prepare: async () => null,
    run: async () => ({
      outputs: { digest: `sha256:${version}` },
      read: [{ ref: `dataset:flights@${version}`, role: 'rows', digest: `sha256:d${version}` }],
    }),
  },
})

async function opened() {
  const bench = await openBench(PROJECT)
  const first = bench.serve(fitting(0.1 + 0.2))
  const { id } = await first.pipelines.start(CTX, 'train', { seed: 5 })
  const original = await first.pipelines.ended(CTX, id)
  expect(original.status).toBe('succeeded')
  return { ...bench, ...first, original }
}

test('a repetition runs every step again, registers nothing, and is equal', async () => {
  const { pipelines, started, original, catalog } = await opened()
  const again = await pipelines.repeat(CTX, original.id)
  const ended = await pipelines.ended(CTX, again.id)
  expect(ended).toMatchObject({ status: 'succeeded', repeats: original.id, params: { seed: 5 } })
  expect(ended.steps.map(({ step, cached, cacheKey }) => [step, cached, cacheKey])).toEqual([
    ['rows', false, null],
    ['fit', false, null],
  ])
  expect(started).toEqual(['fit', 'fit'])
  expect(await pipelines.difference(CTX, again.id)).toEqual(EQUAL)
  // What it made is not handed to later runs: the cache holds the two steps of the first.
  expect(await catalog.read.selectFrom('step_cache').selectAll().execute()).toHaveLength(2)
})

test('a step reads what the original read, whatever has come since', async () => {
  const { serve, original } = await opened()
  const read: unknown[] = []
  const { pipelines } = serve(fitting(0.1 + 0.2), {
    'training-set': {
      where: 'server',
      cached: true,
      prepare: async () => ({ version: 2 }),
      run: async (_ctx, { inputs, extra }) => {
        read.push(extra)
        return { outputs: { rows: 100, ...inputs, extra } }
      },
    },
  })
  const { id } = await pipelines.repeat(CTX, original.id)
  await pipelines.ended(CTX, id)
  expect(read).toEqual([{ version: 1 }])
  expect(await pipelines.difference(CTX, id)).toEqual(EQUAL)
})

test('another environment is in its list, one changed bit of a metric in its own', async () => {
  const { serve, original } = await opened()
  const { pipelines } = serve(fitting(0.3, { node: 'v22.1.0' }))
  const { id } = await pipelines.repeat(CTX, original.id)
  await pipelines.ended(CTX, id)
  const metric = { step: 'fit', before: '0.30000000000000004', now: '0.3' }
  expect(await pipelines.difference(CTX, id)).toEqual({
    ...EQUAL,
    environment: [{ step: 'fit', what: 'node', before: 'v20.20.2', now: 'v22.1.0' }],
    metrics: [
      { ...metric, what: 'auc' },
      { ...metric, what: 'outputs.auc' },
    ],
  })
})

test('a curve that went another way is told by its first step, though it ended alike', async () => {
  const bench = await openBench(PROJECT)
  const first = bench.serve(training(1, 0.5, 0.1))
  const { id: original } = await first.pipelines.start(CTX, 'train', {})
  await first.pipelines.ended(CTX, original)
  const { pipelines } = bench.serve(training(1, 0.75, 0.1))
  const { id } = await pipelines.repeat(CTX, original)
  await pipelines.ended(CTX, id)
  expect(await pipelines.difference(CTX, id)).toEqual({
    ...EQUAL,
    metrics: [{ step: 'fit', what: 'loss at step 1', before: '0.5', now: '0.75' }],
  })
})

test('other rows are in the list of inputs: of the step that read them, with their version', async () => {
  const bench = await openBench(PROJECT)
  const first = bench.serve(fitting(1), rows(1))
  const { id: original } = await first.pipelines.start(CTX, 'train', {})
  await first.pipelines.ended(CTX, original)
  const { pipelines } = bench.serve(fitting(1), rows(2))
  const { id } = await pipelines.repeat(CTX, original)
  await pipelines.ended(CTX, id)
  expect(await pipelines.difference(CTX, id)).toEqual({
    ...EQUAL,
    inputs: [
      {
        step: 'rows',
        what: 'rows dataset:flights',
        before: 'dataset:flights@1 sha256:d1',
        now: 'dataset:flights@2 sha256:d2',
      },
      { step: 'fit', what: 'rows.digest', before: 'sha256:1', now: 'sha256:2' },
    ],
    metrics: [{ step: 'rows', what: 'outputs.digest', before: 'sha256:1', now: 'sha256:2' }],
  })
})

test('other code is in its list; what was absent is null', () => {
  const facts = { inputs: new Map(), environment: new Map(), metrics: new Map() }
  const before = { ...facts, code: new Map([['digest', 'sha256:a']]) }
  const now = {
    ...facts,
    code: new Map([
      ['digest', 'sha256:b'],
      ['gitCommit', 'c'],
    ]),
  }
  expect(differences('fit', before, now)).toEqual({
    ...EQUAL,
    code: [
      { step: 'fit', what: 'digest', before: 'sha256:a', now: 'sha256:b' },
      { step: 'fit', what: 'gitCommit', before: null, now: 'c' },
    ],
  })
})

test('a repetition that fails differs in how its step ended', async () => {
  const { serve, original } = await opened()
  const { pipelines } = serve((attempt, server) => failWith(attempt, server, 'no room'))
  const { id } = await pipelines.repeat(CTX, original.id)
  expect((await pipelines.ended(CTX, id)).status).toBe('failed')
  const { metrics } = await pipelines.difference(CTX, id)
  expect(metrics).toContainEqual({
    step: 'fit',
    what: 'step.state',
    before: 'succeeded',
    now: 'failed',
  })
})

test('the run of a step, and a repetition itself, lead to the run they are of', async () => {
  const { pipelines, original } = await opened()
  const fit = original.steps.find(({ step }) => step === 'fit')?.runId ?? ''
  const second = await pipelines.repeat(CTX, fit)
  expect(second.repeats).toBe(original.id)
  await pipelines.ended(CTX, second.id)
  const third = await pipelines.repeat(CTX, second.id)
  expect(third.repeats).toBe(original.id)
  await pipelines.ended(CTX, third.id)
})

test('the run of a trial leads to the run that did its work, with its parameters', async () => {
  const { pipelines, runs } = await opened()
  const { id: trial } = await runs.start(CTX, { kind: 'trial', name: 'lr-0' })
  await expect(pipelines.repeat(CTX, trial)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(/is a trial \(running\) whose work no pipeline did/),
  })
  const work = await pipelines.startTrial(CTX, 'train', { seed: 9 }, trial)
  await pipelines.ended(CTX, work.id)
  const again = await pipelines.repeat(CTX, trial)
  expect(again).toMatchObject({ repeats: work.id, params: { seed: 9 } })
  await pipelines.ended(CTX, again.id)
  expect(await pipelines.difference(CTX, again.id)).toEqual(EQUAL)
})

test('why skips repetitions, and says of their own steps what they are', async () => {
  const { pipelines, original } = await opened()
  const again = await pipelines.repeat(CTX, original.id)
  await pipelines.ended(CTX, again.id)
  expect(await pipelines.why(CTX, again.id, 'fit')).toMatchObject({
    answer: 'repeated',
    earlier: original.id,
    changed: [],
  })
  const other = await pipelines.start(CTX, 'train', { seed: 6 })
  await pipelines.ended(CTX, other.id)
  expect(await pipelines.why(CTX, other.id, 'fit')).toMatchObject({
    answer: 'changed',
    earlier: original.id,
    changed: [{ part: 'seed', before: '5', now: '6' }],
  })
})

test('what cannot be repeated is refused by what it is', async () => {
  const { runs, serve, pipelines, original } = await opened()
  const { id: logged } = await runs.start(CTX, { kind: 'training', name: 'notebook' })
  await expect(pipelines.repeat(CTX, logged)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: `${logged} is a run of kind training that no pipeline made; only runs of pipelines can be executed again`,
  })
  await expect(pipelines.repeat(CTX, 'run_none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(pipelines.repeat({ ...CTX, project: 'other' }, original.id)).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  await expect(pipelines.difference(CTX, original.id)).rejects.toMatchObject({ code: 'CONFLICT' })
  const failing = serve((attempt, server) => failWith(attempt, server, 'no'))
  const { id } = await failing.pipelines.start(CTX, 'train', { seed: 6 })
  await failing.pipelines.ended(CTX, id)
  await expect(failing.pipelines.repeat(CTX, id)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('is failed; only a run that succeeded'),
  })
})
