import { expect, test } from 'vitest'
import { ctx, openLab, specOf, type Lab, type Started } from './fixture.ts'

const other = { ...ctx, project: 'other' }

async function finish(lab: Lab, study: string, trial: Started, value: number) {
  const end = { state: 'finished', fence: trial.fence, value } as const
  return lab.studies.tell(ctx, study, trial.number, end)
}

/** Ends every trial of a study with what `valueOf` makes of its `x`. */
async function searchAll(lab: Lab, study: string, valueOf: (x: number) => number): Promise<number> {
  for (let count = 0; ; count++) {
    const asked = await lab.studies.ask(ctx, study)
    if (asked.state === 'done') return count
    if (asked.state === 'trial') await finish(lab, study, asked, valueOf(Number(asked.params['x'])))
  }
}

test('a search of 100 trials is 100 runs, which clients of MLflow find under its experiment', async () => {
  await using lab = await openLab()
  const study = await lab.begin({ trials: 100, sampler: { kind: 'tpe' }, metric: 'loss' })
  expect(await searchAll(lab, study, (x) => (x - 0.3) ** 2)).toBe(100)

  const { run, experiment, best, counts, state, importance } = await lab.studies.get(ctx, study)
  expect({ state, counts }).toEqual({
    state: 'done',
    counts: { running: 0, finished: 100, pruned: 0, failed: 0, lost: 0 },
  })
  expect(best?.params['x']).toBeCloseTo(0.3, 2)
  expect(importance).toEqual({ x: 1 })

  const { runs } = await lab.store.runs.list(ctx, { kind: 'trial', parentId: run }, 1000)
  expect(runs).toHaveLength(100)
  expect(new Set(runs.map(({ params }) => params['x'])).size).toBe(100)
  for (const { params, metrics, status } of runs)
    expect([status, metrics['loss']]).toEqual(['succeeded', (Number(params['x']) - 0.3) ** 2])
  expect(await lab.store.runs.get(ctx, run)).toMatchObject({ kind: 'study', status: 'succeeded' })

  const seen = await lab.tracking.search(ctx, {
    experiments: [Number(experiment)],
    filter: 'metrics.loss < 10',
    view: 'active',
    orderBy: ['metrics.loss ASC'],
    limit: 1000,
  })
  expect(seen.runs).toHaveLength(100)
  expect(seen.runs[0]).toMatchObject({
    id: best?.run,
    name: `${study}-${best?.number}`,
    phase: 'FINISHED',
    params: [{ key: 'x', value: String(best?.params['x']) }],
  })
  expect((await lab.tracking.experiments.byName(ctx, study)).number).toBe(Number(experiment))
})

test('the same study is gone on with; another one of that name, or of no sense, is refused', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  await lab.start(study)
  expect(await lab.studies.create(ctx, specOf())).toMatchObject({ counts: { running: 1 } })
  for (const changed of [{ trials: 11 }, { direction: 'maximize' as const }, { seed: 2 }])
    await expect(lab.begin(changed)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  const two = {
    a: { kind: 'float', low: 0, high: 1 },
    b: { kind: 'float', low: 0, high: 1 },
  } as const
  await lab.begin({ name: 'two', over: two })
  await expect(
    lab.begin({ name: 'two', over: { b: two.b, a: two.a } }),
    'the order of parameters is the order in which they are drawn',
  ).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  for (const [given, field] of [
    [{ over: {} }, 'over'],
    [{ over: { x: { kind: 'float', low: 1, high: 0 } as const } }, 'over.x'],
    [{ trials: 3, sampler: { kind: 'grid', points: 2 } as const }, 'trials'],
  ] as const)
    await expect(lab.begin({ name: 'bad', ...given })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field },
    })
  const { trials: _, ...endless } = specOf({ name: 'endless' })
  await expect(lab.studies.create(ctx, endless)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'trials' },
  })
  expect((await lab.studies.list(ctx)).map(({ name }) => name)).toEqual(['two', study])
})

test('a study under way, or another project’s, is not taken out', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const trial = await lab.start(study)
  await expect(lab.studies.remove(other, study)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(lab.studies.remove(ctx, study)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: `trial 0 of ${study} is running: stop its worker, and try again in 1m`,
  })
  expect((await finish(lab, study, trial, 1)).state).toBe('finished')
})

test('a study that is taken out frees its name, and leaves its runs and an event', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const first = await lab.start(study)
  await lab.studies.report(ctx, study, 0, { fence: first.fence, step: 1, value: 0.5 })
  await finish(lab, study, first, 0.5)
  const second = await lab.start(study)
  await lab.silence(second)
  const { run } = await lab.studies.get(ctx, study)
  expect(await lab.studies.remove(ctx, study)).toEqual({ trials: 2 })
  await expect(lab.studies.get(ctx, study)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(lab.studies.ask(ctx, study)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const { runs, events } = lab.store
  expect((await runs.get(ctx, run)).status).toBe('cancelled')
  expect(await runs.get(ctx, first.run)).toMatchObject({
    status: 'succeeded',
    metrics: { value: 0.5 },
  })
  expect((await runs.get(ctx, second.run)).status).toBe('lost')
  expect(await events.latest({ types: ['study.removed'] })).toMatchObject({
    actor: 'ann',
    subject: { kind: 'study', id: study },
    data: { run, trials: 2 },
  })
  const again = await lab.begin({ direction: 'maximize' })
  expect(await lab.studies.get(ctx, again)).toMatchObject({ counts: { finished: 0 } })
})

test('a study is its project’s own', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const { number, fence } = await lab.start(study)
  const missing = { code: 'NOT_FOUND' }
  const { studies } = lab
  await expect(studies.get(other, study)).rejects.toMatchObject(missing)
  await expect(studies.trials(other, study)).rejects.toMatchObject(missing)
  await expect(studies.ask(other, study)).rejects.toMatchObject(missing)
  await expect(studies.heartbeat(other, study, number, fence)).rejects.toMatchObject(missing)
  await expect(
    studies.report(other, study, number, { fence, step: 1, value: 1 }),
  ).rejects.toMatchObject(missing)
  await expect(
    studies.tell(other, study, number, { state: 'pruned', fence }),
  ).rejects.toMatchObject(missing)
  await expect(studies.heartbeat(ctx, study, 7, fence)).rejects.toMatchObject(missing)
  expect(await studies.list(other)).toEqual([])
})

test('no more run than may, and nobody is given a trial too many', async () => {
  await using lab = await openLab()
  const study = await lab.begin({ trials: 5, parallel: 3 })
  const asked = await Promise.all(Array.from({ length: 8 }, () => lab.studies.ask(ctx, study)))
  const trials = asked.filter((one) => one.state === 'trial')
  expect(new Set(trials.map(({ number }) => number))).toEqual(new Set([0, 1, 2]))
  expect(asked.filter(({ state }) => state === 'wait')).toHaveLength(5)
  for (const trial of trials) await finish(lab, study, trial, 1)
  const rest = [await lab.start(study), await lab.start(study)]
  expect(await lab.studies.ask(ctx, study)).toEqual({ state: 'wait' })
  for (const trial of rest) await finish(lab, study, trial, 1)
  expect(await lab.studies.ask(ctx, study)).toEqual({ state: 'done' })
})

test('a trial whose worker is silent is lost and replaced; its worker is refused when it wakes up', async () => {
  await using lab = await openLab()
  const study = await lab.begin({ trials: 2, parallel: 2 })
  const first = await lab.start(study)
  await lab.silence(first)
  const second = await lab.start(study)
  const third = await lab.start(study)
  expect([second.number, third.number]).toEqual([1, 2])
  const { number, fence } = first
  const fenced = { code: 'FENCED' }
  await expect(lab.studies.heartbeat(ctx, study, number, fence)).rejects.toMatchObject(fenced)
  await expect(
    lab.studies.report(ctx, study, number, { fence, step: 1, value: 0 }),
  ).rejects.toMatchObject(fenced)
  await expect(finish(lab, study, first, 0)).rejects.toMatchObject(fenced)
  await finish(lab, study, second, 2)
  await finish(lab, study, third, 3)
  const { counts, best, state } = await lab.studies.get(ctx, study)
  expect(counts).toEqual({ running: 0, finished: 2, pruned: 0, failed: 0, lost: 1 })
  expect([best?.number, state]).toEqual([1, 'done'])
  expect(await lab.store.runs.get(ctx, first.run)).toMatchObject({
    status: 'lost',
    error: { code: 'UNAVAILABLE', message: 'its worker was silent for 1m' },
  })
  expect(await lab.tracking.get(ctx, first.run)).toMatchObject({ phase: 'FAILED' })
})

/** A pipeline run that was started for a trial, as the catalog has it. */
async function startWork(lab: Lab, trial: string, cancelled = false): Promise<void> {
  const { id, startedAt } = await lab.store.runs.start(ctx, { kind: 'pipeline', name: 'train' })
  const none = { trigger_name: null, ended_at: null, repeats: null, resumes: null }
  await lab.store.catalog.write((tx) =>
    tx
      .insertInto('pipeline_runs')
      .values({
        ...none,
        id,
        trial,
        project: ctx.project,
        pipeline: 'train',
        code_ref: 'code:shop@1',
        bundle: 'sha256:b',
        spec: '{}',
        params: '{}',
        status: 'running',
        started_at: startedAt,
        cancel_asked_at: cancelled ? startedAt : null,
        cancel_asked_by: cancelled ? 'ann' : null,
      })
      .execute(),
  )
}

test('a silent trial whose work a pipeline does is handed on as it is, not lost', async () => {
  await using lab = await openLab()
  const study = await lab.begin({ trials: 2, parallel: 2 })
  const first = await lab.start(study)
  await startWork(lab, first.run)
  expect((await lab.start(study)).number, 'nobody is silent').toBe(1)
  await lab.silence(first)
  const again = await lab.start(study)
  const { fence } = again
  expect(again).toEqual({ ...first, fence })
  expect(fence).toBeGreaterThan(first.fence)
  expect(await lab.studies.ask(ctx, study), 'once').toEqual({ state: 'wait' })
  await expect(finish(lab, study, first, 0)).rejects.toMatchObject({ code: 'FENCED' })
  await finish(lab, study, { ...first, fence }, 1)
  expect((await lab.studies.get(ctx, study)).counts).toMatchObject({ finished: 1, lost: 0 })
})

test('a silent trial whose pipeline run was cancelled is lost', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const first = await lab.start(study)
  await startWork(lab, first.run, true)
  await lab.silence(first)
  expect((await lab.start(study)).number).toBe(1)
})

test('a heartbeat keeps the lease of its own fence only', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const { number, fence } = await lab.start(study)
  await lab.studies.heartbeat(ctx, study, number, fence)
  await expect(lab.studies.heartbeat(ctx, study, number, fence + 1)).rejects.toMatchObject({
    code: 'FENCED',
  })
})

test('what was told is told once: the same again changes nothing, anything else is refused', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const trial = await lab.start(study)
  const told = await finish(lab, study, trial, Number.NaN)
  expect(told).toMatchObject({ state: 'finished', value: Number.NaN })
  expect(await finish(lab, study, trial, Number.NaN)).toEqual(told)
  const fenced = { code: 'FENCED' }
  await expect(finish(lab, study, trial, 1)).rejects.toMatchObject(fenced)
  await expect(
    lab.studies.tell(ctx, study, trial.number, { state: 'pruned', fence: trial.fence }),
  ).rejects.toMatchObject(fenced)
  expect((await lab.studies.get(ctx, study)).best, 'NaN is no best').toBeNull()
})

test('a failed trial counts and says why; the greatest value is the best where more is better', async () => {
  await using lab = await openLab()
  const study = await lab.begin({ trials: 3, direction: 'maximize' })
  const first = await lab.start(study)
  const end = { state: 'failed', fence: first.fence, message: 'out of memory' } as const
  await lab.studies.tell(ctx, study, first.number, end)
  expect(await lab.store.runs.get(ctx, first.run)).toMatchObject({
    status: 'failed',
    error: { code: 'STEP_FAILED', message: 'out of memory' },
  })
  await finish(lab, study, await lab.start(study), 1)
  await finish(lab, study, await lab.start(study), Number.POSITIVE_INFINITY)
  const { counts, best, state } = await lab.studies.get(ctx, study)
  expect(counts).toMatchObject({ finished: 2, failed: 1 })
  expect([best?.number, state]).toEqual([2, 'done'])
})

test('a report that a rival beats asks to stop, and the pruned trial counts with what it told last', async () => {
  await using lab = await openLab()
  const study = await lab.begin({ parallel: 2, pruner: { kind: 'asha', reduction: 2 } })
  const [good, bad] = [await lab.start(study), await lab.start(study)]
  const say = ({ number, fence }: Started, step: number, value: number) =>
    lab.studies.report(ctx, study, number, { fence, step, value })
  expect(await say(good, 1, 0.2)).toBe(false)
  expect(await say(bad, 1, 0.9)).toBe(true)
  expect(await say(bad, 1, 0.9), 'the same again').toBe(true)
  expect(await say(good, 3, 0.1)).toBe(false)
  await expect(say(good, 2, 0.1)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'step' },
  })
  await lab.studies.tell(ctx, study, bad.number, { state: 'pruned', fence: bad.fence })
  await finish(lab, study, good, 0.05)
  expect(await lab.studies.trials(ctx, study)).toMatchObject([
    { number: 0, state: 'finished', value: 0.05, step: 3 },
    { number: 1, state: 'pruned', value: 0.9, step: 1 },
  ])
  const { points } = await lab.store.runs.metricHistory(ctx, good.run, 'value', 10)
  const told = points.map(({ step, value }) => [step, value] as const)
  expect(told.toSorted((a, b) => Number(a[0]) - Number(b[0]) || b[1] - a[1])).toEqual([
    [1, 0.2],
    [3, 0.1],
    [3, 0.05],
  ])
  expect(await lab.tracking.get(ctx, bad.run)).toMatchObject({ phase: 'KILLED' })
})

test('a client of MLflow may log to a trial and end it as it likes: the study says how it ended', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const trial = await lab.start(study)
  await lab.tracking.log(ctx, trial.run, {
    metrics: [{ key: 'epoch', value: 3, step: 0, atMs: 1 }],
  })
  await lab.tracking.update(ctx, trial.run, { phase: 'FINISHED', endMs: 5 })
  const end = { state: 'failed', fence: trial.fence, message: 'no' } as const
  await lab.studies.tell(ctx, study, trial.number, end)
  expect(await lab.tracking.get(ctx, trial.run)).toMatchObject({ phase: 'FAILED' })
  expect(await lab.store.runs.get(ctx, trial.run)).toMatchObject({
    status: 'failed',
    metrics: { epoch: 3 },
  })
})

test('the work of a trial may be another run’s, which must be there', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const { number, run, fence } = await lab.start(study)
  const end = { state: 'finished', fence, value: 1 } as const
  await expect(
    lab.studies.tell(ctx, study, number, { ...end, by: 'run_none' }),
  ).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const { id } = await lab.store.runs.start(ctx, { kind: 'pipeline', name: 'train' })
  await lab.studies.tell(ctx, study, number, { ...end, by: id })
  expect((await lab.store.runs.get(ctx, run)).inputs).toEqual([{ ref: `run:${id}`, role: 'by' }])
})

test('a study under a deleted experiment gives no more trials, and goes on when that is restored', async () => {
  await using lab = await openLab()
  const study = await lab.begin()
  const { number } = await lab.tracking.experiments.byName(ctx, study)
  await lab.tracking.experiments.remove(ctx, number)
  await expect(lab.studies.ask(ctx, study)).rejects.toMatchObject({ code: 'CONFLICT' })
  await lab.tracking.experiments.restore(ctx, number)
  expect(await lab.studies.ask(ctx, study)).toMatchObject({ state: 'trial', number: 0 })
})

test('the same seed gives the same search, trial by trial', async () => {
  await using lab = await openLab()
  const draw = async (name: string, seed: number) => {
    const study = await lab.begin({ name, seed, trials: 15, sampler: { kind: 'tpe', startup: 5 } })
    await searchAll(lab, study, (x) => x)
    return (await lab.studies.trials(ctx, study)).map(({ params }) => params['x'])
  }
  const first = await draw('first', 3)
  expect(await draw('second', 3)).toEqual(first)
  expect(await draw('third', 4)).not.toEqual(first)
})

test('a grid is asked whole, once each, with lost ones again', async () => {
  await using lab = await openLab()
  const { trials: _, ...spec } = specOf({
    over: {
      n: { kind: 'int', low: 1, high: 2 },
      kind: { kind: 'choice', of: ['a', 'b'] },
    },
    sampler: { kind: 'grid' },
    parallel: 2,
  })
  const { trials, name } = await lab.studies.create(ctx, spec)
  expect(trials).toBe(4)
  await lab.silence(await lab.start(name))
  expect(await searchAll(lab, name, () => 0)).toBe(4)
  const ended = (await lab.studies.trials(ctx, name)).filter(({ state }) => state === 'finished')
  expect(ended.map(({ params }) => `${params['n']}${params['kind']}`).toSorted()).toEqual([
    '1a',
    '1b',
    '2a',
    '2b',
  ])
})
