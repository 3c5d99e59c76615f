import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { expect, test } from 'vitest'
import type { Pipelines } from './pipelines.ts'
import {
  CTX,
  failWith,
  from,
  literal,
  moduleStep,
  openBench,
  param,
  projectOf,
  succeedWith,
  type Script,
} from './fixture.ts'

const named: Script = (attempt, pipelines) => succeedWith(attempt, pipelines, { by: attempt.step })

async function runOnce(pipelines: Pipelines, params = {}) {
  const { id } = await pipelines.start(CTX, 'train', params)
  return pipelines.ended(CTX, id)
}

/** Two steps that read nothing from each other, and one that reads from the first. */
function project(change: { a?: string; b?: string; constant?: number } = {}): Manifest {
  return projectOf(
    moduleStep('a', { k: literal(change.constant ?? 1) }, { digest: change.a ?? 'a1' }),
    moduleStep('b', {}, { digest: change.b ?? 'b1' }),
    moduleStep('c', { a: from('a') }),
  )
}

test('a second run of unchanged steps starts no process and gives the same outputs', async () => {
  const { serve, runs } = await openBench(project())
  const { pipelines, started } = serve(named)
  const first = await runOnce(pipelines)
  expect(started).toHaveLength(3)
  const second = await runOnce(pipelines)
  expect(started).toHaveLength(3)
  expect(second.steps.map(({ cached, outputs, runId }) => [cached, outputs, runId])).toEqual(
    first.steps.map(({ outputs, runId }) => [true, outputs, runId]),
  )
  expect(await pipelines.why(CTX, second.id, 'a')).toEqual({
    pipelineRunId: second.id,
    step: 'a',
    item: null,
    answer: 'reused',
    earlier: first.id,
    changed: [],
  })
  expect((await runs.list(CTX, { kind: 'training' }, 10)).runs).toHaveLength(3)
})

test('an edited step runs again, its neighbour does not, and neither does what reads an equal output', async () => {
  const bench = await openBench(project())
  const { pipelines, started } = bench.serve(named)
  const first = await runOnce(pipelines)
  started.length = 0
  bench.manifest = project({ b: 'b2' })
  const second = await runOnce(pipelines)
  expect(started).toEqual(['b'])
  expect(await pipelines.why(CTX, second.id, 'b')).toMatchObject({
    answer: 'changed',
    earlier: first.id,
    changed: [{ part: 'code' }],
  })
  bench.manifest = project({ a: 'a2', b: 'b2' })
  await runOnce(pipelines)
  expect(started).toEqual(['b', 'a'])
})

test('a changed constant is a changed input of that step alone', async () => {
  const bench = await openBench(project())
  const { pipelines, started } = bench.serve(named)
  await runOnce(pipelines)
  started.length = 0
  bench.manifest = project({ constant: 2 })
  const { id } = await runOnce(pipelines)
  expect(started).toEqual(['a'])
  const { changed } = await pipelines.why(CTX, id, 'a')
  expect(changed).toEqual([{ part: 'inputs.k', before: digestOf('1'), now: digestOf('2') }])
})

test('another seed runs every step again, since each may draw from it', async () => {
  const { serve } = await openBench(project())
  const { pipelines, started } = serve(named)
  await runOnce(pipelines, { seed: 1 })
  started.length = 0
  const { id } = await runOnce(pipelines, { seed: 2 })
  expect(started).toEqual(['a', 'b', 'c'])
  expect((await pipelines.why(CTX, id, 'c')).changed).toEqual([
    { part: 'seed', before: '1', now: '2' },
  ])
})

test('going back to what was before finds the outputs of then', async () => {
  const bench = await openBench(project())
  const { pipelines, started } = bench.serve(named)
  const first = await runOnce(pipelines)
  bench.manifest = project({ a: 'a2' })
  await runOnce(pipelines)
  bench.manifest = project()
  started.length = 0
  const third = await runOnce(pipelines)
  expect(started).toEqual([])
  expect(await pipelines.why(CTX, third.id, 'a')).toMatchObject({
    answer: 'reused',
    earlier: first.id,
  })
})

test('a built-in step is reused until what it reads besides its inputs moves', async () => {
  let version = 1
  const bench = await openBench(projectOf(trainingSet()))
  const { pipelines, started } = bench.serve(named, {
    'training-set': {
      where: 'server',
      cached: true,
      prepare: async () => ({ flights: version }),
      run: async (_ctx, { extra }) => {
        started.push('rows')
        return { outputs: extra }
      },
    },
  })
  await runOnce(pipelines)
  await runOnce(pipelines)
  expect(started).toEqual(['rows'])
  version = 2
  const { id, steps } = await runOnce(pipelines)
  expect(started).toEqual(['rows', 'rows'])
  expect(steps[0]?.outputs).toEqual({ flights: 2 })
  expect(await pipelines.why(CTX, id, 'rows')).toMatchObject({
    answer: 'changed',
    changed: [{ part: 'extra' }],
  })
})

test('a step that is never reused runs each time; nothing about it has changed', async () => {
  const gate: StepSpec = { kind: 'gate', name: 'gate', inputs: {}, rules: {} }
  const { serve } = await openBench(projectOf(gate))
  const { pipelines, started } = serve(named)
  const first = await runOnce(pipelines)
  const second = await runOnce(pipelines)
  expect(started).toEqual(['gate', 'gate'])
  expect(second.steps[0]?.cacheKey).toBeNull()
  expect(await pipelines.why(CTX, first.id, 'gate')).toMatchObject({
    answer: 'first',
    earlier: null,
  })
  expect(await pipelines.why(CTX, second.id, 'gate')).toMatchObject({
    answer: 'unchanged',
    earlier: first.id,
  })
})

test('an edited transform runs the steps that read its rows again, and no other', async () => {
  const bench = await openBench(withTransform('t1'))
  const hour = { kind: 'transform', name: 'hour', transform: 'calendar', output: 'hour' }
  const { pipelines, started } = bench.serve((attempt, server) =>
    succeedWith(attempt, server, { set: { digest: 'd', inputs: [hour] }, note: 'calendar' }),
  )
  await runOnce(pipelines)
  started.length = 0
  bench.manifest = withTransform('t2')
  const { id } = await runOnce(pipelines)
  expect(started).toEqual(['fit'])
  expect(await pipelines.why(CTX, id, 'fit')).toMatchObject({ changed: [{ part: 'extra' }] })
})

test('a failed step leaves nothing to reuse', async () => {
  const { serve } = await openBench(projectOf(moduleStep('fit')))
  let fails = true
  const { pipelines, started } = serve((attempt, server) =>
    fails ? failWith(attempt, server, 'no') : succeedWith(attempt, server, {}),
  )
  const failed = await runOnce(pipelines)
  fails = false
  const second = await runOnce(pipelines)
  expect(second.status).toBe('succeeded')
  expect(started).toEqual(['fit', 'fit'])
  expect(await pipelines.why(CTX, failed.id, 'fit')).toMatchObject({ answer: 'first' })
  expect(await pipelines.why(CTX, second.id, 'fit')).toMatchObject({ answer: 'first' })
})

test('projects do not share outputs', async () => {
  const { serve } = await openBench(projectOf(moduleStep('fit')))
  const other = { ...CTX, project: 'other' }
  const { pipelines, started } = serve(({ run, step, fence }, server) => {
    const ctx = started.length === 1 ? CTX : other
    const key = { pipelineRunId: run, step }
    return server.report(ctx, key, { status: 'succeeded', fence, outputs: {} })
  })
  await runOnce(pipelines)
  const { id } = await pipelines.start(other, 'train', {})
  expect((await pipelines.ended(other, id)).steps[0]?.cached).toBe(false)
  expect(started).toEqual(['fit', 'fit'])
})

test('asking why of a step that has not begun, or of none, is answered', async () => {
  const { serve } = await openBench(projectOf(moduleStep('a'), moduleStep('b', { a: from('a') })))
  const { pipelines } = serve((attempt, server) => failWith(attempt, server, 'no'))
  const { id } = await runOnce(pipelines, { seed: 3 })
  expect(await pipelines.why(CTX, id, 'b')).toMatchObject({ answer: 'waiting', earlier: null })
  await expect(pipelines.why(CTX, id, 'z')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

/** `fit` reads rows with a transform of this code, `other` only names it in a text. */
function withTransform(digest: string): Manifest {
  const code = { chunk: 't.js', digest, export: 'calendar' }
  return {
    ...projectOf(
      moduleStep('rows'),
      moduleStep('fit', { rows: from('rows', 'set') }),
      moduleStep('other', { rows: from('rows', 'note') }),
    ),
    transforms: [{ name: 'calendar', from: ['date'], gives: ['hour'], ...code }],
  }
}

function trainingSet(): StepSpec {
  const field = { kind: 'field', name: 'distance', field: 'distance' } as const
  const spec = { dataset: 'flights', every: 1, inputs: [field], holdout: '7d' }
  return { kind: 'training-set', name: 'rows', inputs: { seed: param('seed') }, spec }
}

/** `printf 1 | sha256sum`, `printf 2 | sha256sum`. */
function digestOf(text: '1' | '2'): string {
  return text === '1'
    ? 'sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b'
    : 'sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35'
}
