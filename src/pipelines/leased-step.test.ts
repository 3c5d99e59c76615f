import { expect, test } from 'vitest'
import { CTX, hanging, moduleStep, openBench, projectOf, succeedWith } from './fixture.ts'

const as = (actor: string, project = 'default') => ({ ...CTX, actor, project })

async function oneStepUnderWay() {
  const bench = await openBench(projectOf(moduleStep('fit')))
  const { script, begun } = hanging()
  const { pipelines } = bench.serve(script)
  const { id } = await pipelines.start(CTX, 'train', {})
  const attempt = await begun
  return { ...bench, pipelines, id, attempt, key: { pipelineRunId: id, step: 'fit' } }
}

test('a process is told its work, may log metrics and beat while it holds the step', async () => {
  const { pipelines, runs, key, attempt } = await oneStepUnderWay()
  const work = await pipelines.work(CTX, key)
  expect(work).toMatchObject({ ...key, fence: 1, seed: 7, spec: { kind: 'module', name: 'fit' } })
  await pipelines.metrics(CTX, { ...key, fence: attempt.fence }, [{ key: 'auc', value: 0.7 }])
  await pipelines.heartbeat(CTX, { ...key, fence: attempt.fence })
  expect((await runs.get(CTX, work.runId)).metrics).toEqual({ auc: 0.7 })
})

test('a process is given the environment it was made for', async () => {
  const { attempt, id } = await oneStepUnderWay()
  expect(attempt.environment).toEqual({
    GYRE_PASS: `pass for ${id}/fit/1`,
    GYRE_PIPELINE_RUN: id,
    GYRE_STEP: 'fit',
    GYRE_FENCE: '1',
  })
})

test.each(['heartbeat', 'metrics', 'report'] as const)(
  'a %s of an older attempt is refused with FENCED',
  async (verb) => {
    const { pipelines, key } = await oneStepUnderWay()
    const old = { ...key, fence: 0 }
    const calls = {
      heartbeat: () => pipelines.heartbeat(CTX, old),
      metrics: () => pipelines.metrics(CTX, old, [{ key: 'auc', value: 1 }]),
      report: () => pipelines.report(CTX, key, { status: 'succeeded', fence: 0, outputs: {} }),
    }
    await expect(calls[verb]()).rejects.toMatchObject({ code: 'FENCED', details: { fence: 1 } })
  },
)

test('a step that has ended takes no more work and no second report', async () => {
  const { pipelines, key, attempt } = await oneStepUnderWay()
  await succeedWith(attempt, pipelines, { first: true })
  await expect(succeedWith(attempt, pipelines, { first: false })).rejects.toMatchObject({
    code: 'FENCED',
  })
  await expect(pipelines.work(CTX, key)).rejects.toMatchObject({ code: 'FENCED' })
})

test('the pass of one attempt is no good for another step, another attempt or another project', async () => {
  const { pipelines, key, id } = await oneStepUnderWay()
  const report = { status: 'succeeded', fence: 1, outputs: {} } as const
  for (const actor of [`step:${id}/other/1`, `step:${id}/fit/2`, 'step:run_9/fit/1']) {
    await expect(pipelines.work(as(actor), key)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(pipelines.report(as(actor), key, report)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
  }
  const own = `step:${id}/fit/1`
  await expect(pipelines.work(as(own, 'other'), key)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await pipelines.report(as(own), key, report)
})

test('a lease that ran out voids what its holder reports', async () => {
  const { pipelines, catalog, attempt } = await oneStepUnderWay()
  await catalog.write((tx) => tx.updateTable('leases').set({ expires_at: 1 }).execute())
  await expect(succeedWith(attempt, pipelines, {})).rejects.toMatchObject({ code: 'FENCED' })
})
