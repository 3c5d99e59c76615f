import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { StepSpec, ValueSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { expect, test } from 'vitest'
import { GyreError } from '../core/errors.ts'
import type { UnitBuiltin } from './builtin.ts'
import {
  CTX,
  deferred,
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
import type { RunFilter } from './read-run.ts'

/** Every step gives its own name. */
const named: Script = (attempt, pipelines) => succeedWith(attempt, pipelines, { by: attempt.step })

test('a pipeline that is not there is named with those that are', async () => {
  const { serve } = await openBench(projectOf(moduleStep('fit')))
  const { pipelines } = serve(named)
  await expect(pipelines.start(CTX, 'trian', {})).rejects.toThrow(
    'no pipeline trian; the project has train',
  )
  await expect(pipelines.start(CTX, 'train', { sed: 1 })).rejects.toThrow('params.sed')
  await expect(pipelines.get(CTX, 'run_0')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(pipelines.ended(CTX, 'run_0')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await pipelines.list(CTX, 10)).toEqual([])
})

test.each([
  ['the parameter it reads', param('until'), 'params.until'],
  ['its own constant', literal('2999-01-01T00:00:00Z'), 'pipelines.train.steps.rows.until'],
])('rows up to a day that has not come are refused at once, by %s', async (_, until, field) => {
  const { serve, clock } = await openBench(untilDay(until))
  const { pipelines, started } = serve(named)
  const start = (day: string) => pipelines.start(CTX, 'train', { until: day })
  await expect(start('2999-01-01')).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: `${field}: 2999-01-01T00:00:00.000Z lies more than a day in the future`,
    details: { field },
  })
  expect(await pipelines.list(CTX, 1)).toEqual([])
  expect(started).toEqual([])
  clock.advance(Date.parse('2999-01-01') - clock.now().getTime())
  const { id } = await start('2999-01-01')
  expect((await pipelines.ended(CTX, id)).status).toBe('succeeded')
})

test('each step starts once, after those it reads from, and their outputs are its inputs', async () => {
  const bench = await openBench(
    projectOf(
      moduleStep('rows'),
      moduleStep('fit', { rows: from('rows', 'by'), seed: param('seed') }),
      moduleStep('check', { model: from('fit'), k: literal(3) }),
    ),
  )
  const inputs: JsonValue[] = []
  const { pipelines, started } = bench.serve(async (attempt, server) => {
    const work = await server.work(CTX, { pipelineRunId: attempt.run, step: attempt.step })
    inputs.push(work.inputs)
    await succeedWith(attempt, server, { by: attempt.step })
  })
  const begun = await pipelines.start(CTX, 'train', {}, 'nightly')
  expect(begun).toMatchObject({ status: 'running', trigger: 'nightly', params: { seed: 7 } })
  const run = await pipelines.ended(CTX, begun.id)
  expect(run.status).toBe('succeeded')
  expect(started).toEqual(['rows', 'fit', 'check'])
  expect(inputs).toEqual([{}, { rows: 'rows', seed: 7 }, { model: { by: 'fit' }, k: 3 }])
  expect(run.steps.map(({ state, attempt }) => [state, attempt])).toEqual([
    ['succeeded', 1],
    ['succeeded', 1],
    ['succeeded', 1],
  ])
  const [newest] = await bench.events.since(0, 100).then((all) => all.slice(-1))
  expect(newest).toMatchObject({ type: 'pipeline.succeeded', data: { run: run.id } })
})

test('a step is started as soon as what it reads is there, whatever else still runs', async () => {
  const { serve } = await openBench(
    projectOf(moduleStep('slow'), moduleStep('fast'), moduleStep('next', { fast: from('fast') })),
  )
  const released = deferred<undefined>()
  const { pipelines, started } = serve(async (attempt, server) => {
    if (attempt.step === 'slow') await released.promise
    await succeedWith(attempt, server, {})
    if (attempt.step === 'next') released.resolve(undefined)
  })
  const { id } = await pipelines.start(CTX, 'train', {})
  expect((await pipelines.ended(CTX, id)).status).toBe('succeeded')
  expect(started).toEqual(['slow', 'fast', 'next'])
})

test('built-in steps are prepared once, and done on exactly what was prepared', async () => {
  const gate: StepSpec = { kind: 'gate', name: 'gate', inputs: { rows: from('rows') }, rules: {} }
  const save: StepSpec = {
    kind: 'register',
    name: 'save',
    inputs: { gate: from('gate') },
    model: 'm',
  }
  const { serve, runs } = await openBench(projectOf(trainingSet(), gate, save))
  let champion = 0
  const { pipelines, started } = serve(
    async (attempt, server) => {
      const { extra } = await server.work(CTX, { pipelineRunId: attempt.run, step: 'gate' })
      await succeedWith(attempt, server, { measured: extra })
    },
    {
      gate: {
        where: 'runner',
        cached: false,
        prepare: async () => ({ champion: ++champion }),
        finish: async (_tx, _ctx, { extra }, reported) => ({
          outputs: { reported, extra },
          read: [{ ref: 'model:delay@1', role: 'champion' }],
        }),
      },
    },
  )
  const { id } = await pipelines.start(CTX, 'train', {})
  const run = await pipelines.ended(CTX, id)
  expect(run.status).toBe('succeeded')
  expect(started).toEqual(['gate'])
  expect(run.steps[1]?.outputs).toEqual({
    reported: { measured: { champion: 1 } },
    extra: { champion: 1 },
  })
  const evaluated = await runs.get(CTX, run.steps[1]?.runId ?? '')
  expect(evaluated).toMatchObject({ kind: 'evaluation', parentId: id, status: 'succeeded' })
  expect(evaluated.inputs).toContainEqual({ ref: 'model:delay@1', role: 'champion' })
})

test('the artifacts a step gives become outputs of its run, by the place where they stand', async () => {
  const { serve, runs } = await openBench(
    projectOf(moduleStep('fit'), moduleStep('use', { x: from('fit') })),
  )
  const digest = `sha256:${'d'.repeat(64)}`
  const { pipelines } = serve((attempt, server) =>
    succeedWith(attempt, server, { best: { model: { digest, rows: 9 } }, score: 0.7 }),
  )
  const { id } = await pipelines.start(CTX, 'train', {})
  const run = await pipelines.ended(CTX, id)
  const fit = await runs.get(CTX, run.steps[0]?.runId ?? '')
  expect(fit.outputs).toEqual([{ ref: `artifact:${digest}`, role: 'best.model', digest }])
  const use = await runs.get(CTX, run.steps[1]?.runId ?? '')
  expect(use.inputs).toContainEqual({ ref: `run:${fit.id}`, role: 'fit' })
})

test('the artifacts a step is handed become inputs of its run, and no outputs when it hands them on', async () => {
  const rows = `sha256:${'a'.repeat(64)}`
  const model = `sha256:${'d'.repeat(64)}`
  const { serve, runs } = await openBench(
    projectOf(
      moduleStep('rows'),
      moduleStep('fit', { rows: from('rows', 'train'), seed: param('seed') }),
      moduleStep('tune', { best: from('fit') }),
    ),
  )
  const gives: Readonly<Record<string, JsonValue>> = {
    rows: { train: { digest: rows, rows: 9 } },
    fit: { first: { digest: model }, read: { digest: rows } },
    tune: { digest: model },
  }
  const { pipelines } = serve((attempt, server) =>
    succeedWith(attempt, server, gives[attempt.step] ?? null),
  )
  const { id } = await pipelines.start(CTX, 'train', {})
  const { steps } = await pipelines.ended(CTX, id)
  const [, fit, tune] = await Promise.all(steps.map(({ runId }) => runs.get(CTX, runId ?? '')))
  expect(fit?.inputs).toEqual([
    { ref: 'code:flights@1', role: 'code' },
    { ref: 'pipeline:train@1', role: 'pipeline' },
    { ref: `artifact:${rows}`, role: 'rows', digest: rows },
    { ref: `run:${steps[0]?.runId}`, role: 'rows' },
  ])
  expect(fit?.outputs).toEqual([{ ref: `artifact:${model}`, role: 'first', digest: model }])
  expect(tune?.inputs).toContainEqual({
    ref: `artifact:${model}`,
    role: 'best.first',
    digest: model,
  })
  expect(tune?.outputs).toEqual([])
})

test('a step that reports a failure fails the run, which names it; what had not begun is skipped', async () => {
  const { serve, runs, events } = await openBench(
    projectOf(moduleStep('fit'), moduleStep('save', { model: from('fit') })),
  )
  const { pipelines, started } = serve(async (attempt, server) => {
    await failWith(attempt, server, 'Error: no rows\n  at fit.ts:3')
    return { end: { kind: 'exited', code: 0 }, tail: 'read 0 rows' }
  })
  const { id } = await pipelines.start(CTX, 'train', {})
  const run = await pipelines.ended(CTX, id)
  expect(run.status).toBe('failed')
  expect(started).toEqual(['fit'])
  expect(run.steps.map(({ state }) => state)).toEqual(['failed', 'skipped'])
  expect(run.steps[0]?.error).toEqual({
    code: 'INTERNAL',
    message: 'Error: no rows\n  at fit.ts:3\nread 0 rows',
  })
  expect((await runs.get(CTX, id)).error).toEqual({
    code: 'STEP_FAILED',
    message: 'step fit failed: Error: no rows\n  at fit.ts:3\nread 0 rows',
  })
  const last = await events.latest({ types: ['pipeline.failed'] })
  expect(last?.data['error']).toBe('step fit failed: Error: no rows')
})

test.each([
  [{ kind: 'exited', code: 1 }, 'STEP_FAILED', 'ended with exit code 1'],
  [{ kind: 'killed', signal: 'SIGKILL' }, 'STEP_FAILED', 'was killed by SIGKILL'],
  [{ kind: 'timed-out' }, 'TIMEOUT', 'took longer than its time-out'],
] as const)('a process that ends as %j without a word fails its step', async (end, code, how) => {
  const { serve } = await openBench(projectOf(moduleStep('fit')))
  const { pipelines } = serve(async () => ({ end, tail: 'out of memory' }))
  const { id } = await pipelines.start(CTX, 'train', {})
  const { steps } = await pipelines.ended(CTX, id)
  const message = `step fit ${how} without reporting\nout of memory`
  expect(steps[0]?.error).toEqual({ code, message })
})

test('a step whose process heard that its time is up says so, with what it reported', async () => {
  const { serve } = await openBench(projectOf(moduleStep('fit', {}, { timeout: '90s' })))
  const { pipelines } = serve(async (attempt, server) => {
    expect(attempt.timeoutMs).toBe(90_000)
    await failWith(attempt, server, 'AbortError')
    return { end: { kind: 'timed-out' } }
  })
  const { id } = await pipelines.start(CTX, 'train', {})
  const { steps } = await pipelines.ended(CTX, id)
  expect(steps[0]?.error?.message).toBe('step fit took longer than its time-out\nAbortError')
})

test('a process that has reported and never ends does not hold up its run', async () => {
  const { serve } = await openBench(projectOf(moduleStep('fit')))
  const { pipelines } = serve(async (attempt, server) => {
    await succeedWith(attempt, server, { rows: 7 })
    return new Promise(() => undefined)
  })
  const { id } = await pipelines.start(CTX, 'train', {})
  const run = await pipelines.ended(CTX, id)
  expect(run.status).toBe('succeeded')
  expect(run.steps[0]?.outputs).toEqual({ rows: 7 })
})

test('a step is tried again as often as it may, each time with a higher fence', async () => {
  const { serve } = await openBench(projectOf(moduleStep('fit', {}, { retries: 2 })))
  const fences: number[] = []
  const { pipelines } = serve(async (attempt, server) => {
    fences.push(attempt.fence)
    return fences.length < 3
      ? { end: { kind: 'exited', code: 1 } }
      : succeedWith(attempt, server, {})
  })
  const first = await pipelines.start(CTX, 'train', {})
  const run = await pipelines.ended(CTX, first.id)
  expect(run.status).toBe('succeeded')
  expect(run.steps[0]).toMatchObject({ attempt: 3, error: null, state: 'succeeded' })
  expect(fences).toEqual([1, 2, 3])
})

test('a step that fails more often than it may be tried fails the run', async () => {
  const { serve } = await openBench(projectOf(moduleStep('fit', {}, { retries: 2 })))
  const { pipelines, started } = serve((attempt, server) => failWith(attempt, server, 'no'))
  const { id } = await pipelines.start(CTX, 'train', {})
  expect(await pipelines.ended(CTX, id)).toMatchObject({
    status: 'failed',
    steps: [{ attempt: 3 }],
  })
  expect(started).toEqual(['fit', 'fit', 'fit'])
})

test.each<[string, StepSpec, string]>([
  [
    'a part that its source did not give',
    moduleStep('use', { x: from('fit', 'model') }),
    'step fit gave no model',
  ],
  [
    'a seed that is no integer',
    moduleStep('use', { f: from('fit'), seed: literal('x') }),
    'seed: expected an integer, got "x"',
  ],
])('a step that asks for %s fails without a process', async (_what, use, message) => {
  const { serve } = await openBench(projectOf(moduleStep('fit'), use))
  const { pipelines, started } = serve(named)
  const { id } = await pipelines.start(CTX, 'train', {})
  const run = await pipelines.ended(CTX, id)
  expect(run.status).toBe('failed')
  expect(run.steps[1]?.error?.message).toBe(message)
  expect(started).toEqual(['fit'])
})

test('a built-in step that throws fails the run with its code', async () => {
  const { serve } = await openBench(projectOf(trainingSet()))
  const { pipelines } = serve(named, {
    'training-set': {
      where: 'server',
      cached: true,
      prepare: async () => null,
      run: async () => {
        throw new GyreError('NOT_FOUND', 'no dataset flights')
      },
    },
  })
  const { id } = await pipelines.start(CTX, 'train', {})
  const { steps } = await pipelines.ended(CTX, id)
  expect(steps[0]?.error).toEqual({ code: 'NOT_FOUND', message: 'no dataset flights' })
})

test('a step whose end cannot be written leaves nothing of what it wrote', async () => {
  const save: StepSpec = { kind: 'register', name: 'save', inputs: {}, model: 'm' }
  const { serve, events, leases } = await openBench(projectOf(save))
  const full = { release: () => Promise.reject(new GyreError('DISK_FULL', 'no room')) }
  let writes = 0
  const register: UnitBuiltin<'register'> = {
    where: 'unit',
    cached: false,
    prepare: async () => null,
    async write(tx, ctx) {
      writes += 1
      const subject = { kind: 'model', id: 'm@1' }
      await events.append(tx, ctx, { type: 'model.registered', subject, data: {} })
      return { outputs: {} }
    },
  }
  const { pipelines } = serve(named, { register }, { leases: { ...leases, ...full } })
  const { id } = await pipelines.start(CTX, 'train', {})
  const run = await pipelines.ended(CTX, id)
  expect(writes).toBeGreaterThan(0)
  expect(run).toMatchObject({ status: 'failed' })
  expect(await events.latest({ types: ['model.registered'] })).toBeUndefined()
})

test('two runs of one pipeline go on beside each other and do not mix', async () => {
  const { serve } = await openBench(
    projectOf(moduleStep('fit', { seed: param('seed') }), moduleStep('use', { x: from('fit') })),
  )
  const waiting: (() => void)[] = []
  const { pipelines } = serve(async (attempt, server) => {
    const { seed } = await server.work(CTX, { pipelineRunId: attempt.run, step: attempt.step })
    // Nobody goes on before both runs are at the same step.
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
      if (waiting.length === 2) for (const go of waiting.splice(0)) go()
    })
    await succeedWith(attempt, server, { seed })
  })
  const [a, b] = await Promise.all([1, 2].map((seed) => pipelines.start(CTX, 'train', { seed })))
  const ended = await Promise.all([a, b].map((run) => pipelines.ended(CTX, run?.id ?? '')))
  expect(ended.map(({ status, steps }) => [status, steps[1]?.outputs])).toEqual([
    ['succeeded', { seed: 1 }],
    ['succeeded', { seed: 2 }],
  ])
})

test('a trial has one run that does its work, until somebody cancels it', async () => {
  const { serve, runs } = await openBench(projectOf(moduleStep('fit')))
  const { pipelines } = serve(named)
  const { id: trial } = await runs.start(CTX, { kind: 'trial', name: 'lr-0' })
  const first = await pipelines.startTrial(CTX, 'train', { seed: 1 }, trial)
  expect((await pipelines.startTrial(CTX, 'train', { seed: 1 }, trial)).id).toBe(first.id)
  await pipelines.ended(CTX, first.id)
  expect(await pipelines.startTrial(CTX, 'train', { seed: 1 }, trial)).toMatchObject({
    id: first.id,
    status: 'succeeded',
  })
  await expect(pipelines.startTrial(CTX, 'train', {}, 'run_0')).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
  const hung = hanging()
  const stuck = serve(hung.script).pipelines
  const { id: other } = await runs.start(CTX, { kind: 'trial', name: 'lr-1' })
  const second = await stuck.startTrial(CTX, 'train', { seed: 2 }, other)
  await hung.begun
  await stuck.cancel(CTX, second.id)
  await stuck.ended(CTX, second.id)
  const third = await pipelines.startTrial(CTX, 'train', { seed: 2 }, other)
  expect(third.id).not.toBe(second.id)
  expect((await pipelines.ended(CTX, third.id)).status).toBe('succeeded')
})

test('runs are listed newest first, and those of another project are not there', async () => {
  const { serve, clock } = await openBench(projectOf(moduleStep('fit')))
  const { pipelines } = serve(named)
  const ids: string[] = []
  for (const seed of [1, 2, 3]) {
    const { id } = await pipelines.start(CTX, 'train', { seed })
    await pipelines.ended(CTX, id)
    ids.unshift(id)
    clock.advance(1000)
  }
  expect((await pipelines.list(CTX, 2)).map(({ id }) => id)).toEqual(ids.slice(0, 2))
  const other = { ...CTX, project: 'other' }
  expect(await pipelines.list(other, 10)).toEqual([])
  await expect(pipelines.get(other, ids[0] ?? '')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(pipelines.why(other, ids[0] ?? '', 'fit')).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
})

test('runs are listed by a step that they have, and without repetitions, however many came after', async () => {
  const bench = await openBench(projectOf(moduleStep('fit')))
  const { pipelines } = bench.serve(named)
  const first = await pipelines.start(CTX, 'train', { seed: 1 })
  await pipelines.ended(CTX, first.id)
  bench.clock.advance(1000)
  const repetition = await pipelines.repeat(CTX, first.id)
  await pipelines.ended(CTX, repetition.id)
  bench.manifest = projectOf(moduleStep('other'))
  bench.clock.advance(1000)
  const last = await pipelines.start(CTX, 'train', { seed: 1 })
  await pipelines.ended(CTX, last.id)

  const listed = async (filter: RunFilter) =>
    (await pipelines.list(CTX, 1, filter)).map(({ id }) => id)
  expect(await listed({})).toEqual([last.id])
  expect(await listed({ step: 'fit' })).toEqual([repetition.id])
  expect(await listed({ step: 'fit', repetitions: false })).toEqual([first.id])
  expect(await listed({ step: 'nope' })).toEqual([])
})

test('a run that cannot be driven ends as failed instead of running for ever', async () => {
  const bench = await openBench(projectOf(moduleStep('fit')))
  const { script, begun } = hanging()
  const { id } = await bench.serve(script).pipelines.start(CTX, 'train', {})
  await begun
  await bench.catalog.write((tx) =>
    tx.updateTable('step_runs').set({ state: 'lost' }).where('pipeline_run_id', '=', id).execute(),
  )
  const later = bench.serve(named).pipelines
  await later.resume()
  expect((await later.ended(CTX, id)).status).toBe('failed')
  expect((await bench.runs.get(CTX, id)).error?.message).toContain('step fit of')
})

/** `train` with a training set up to `until`, which its parameter of that name may give. */
function untilDay(until: ValueSpec): Manifest {
  const project = projectOf(trainingSet({ until }))
  const pipelines = project.pipelines.map((one) => ({
    ...one,
    params: { until: { type: 'day' } } as const,
  }))
  return { ...project, pipelines }
}

function trainingSet(inputs: StepSpec['inputs'] = { seed: param('seed') }): StepSpec {
  const field = { kind: 'field', name: 'distance', field: 'distance' } as const
  const spec = { dataset: 'flights', every: 1, inputs: [field], holdout: '7d' }
  return { kind: 'training-set', name: 'rows', inputs, spec }
}
