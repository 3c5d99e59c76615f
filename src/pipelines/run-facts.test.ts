import { expect, test } from 'vitest'
import { CTX, moduleStep, openBench, projectOf, succeedWith } from './fixture.ts'

test('a run keeps its code, command, seed and what it ran on, and so does each step', async () => {
  const { serve, runs } = await openBench(
    projectOf(
      { kind: 'register', name: 'register-delay', inputs: {}, model: 'delay' },
      moduleStep('fit'),
    ),
  )
  const { pipelines } = serve(async (attempt, server) => {
    const { run: pipelineRunId, step, fence } = attempt
    const key = { pipelineRunId, step, fence }
    await server.facts(CTX, key, { node: 'v22.1.0', TZ: 'UTC' })
    await expect(server.facts(CTX, { ...key, fence: fence + 1 }, {})).rejects.toMatchObject({
      code: 'FENCED',
    })
    await succeedWith(attempt, server, {})
  })
  const started = await pipelines.start(CTX, 'train', { seed: 5 })
  const { steps } = await pipelines.ended(CTX, started.id)

  const code = {
    ref: 'code:flights@1',
    digest: `sha256:${'b'.repeat(64)}`,
    gitCommit: 'a'.repeat(40),
    dirty: false,
  }
  const here = { node: 'v20.20.2', platform: 'linux x64' }
  expect(await runs.get(CTX, started.id)).toMatchObject({
    code: { ...code, command: ['gyre', 'pipeline', 'run', 'train', '--param', 'seed=5'] },
    environment: here,
    seed: 5,
  })
  const [register, fit] = await Promise.all(steps.map(({ runId }) => runs.get(CTX, runId ?? '')))
  expect(register).toMatchObject({
    code: { ...code, command: ['gyre', 'register', 'register-delay'] },
    environment: here,
    seed: 5,
  })
  expect(fit).toMatchObject({ code: { ...code, command: ['fit.js', 'default'] }, seed: 5 })
  // A step in a process of its own ran on what that process says, and on nothing else.
  expect(fit?.environment).toEqual({ node: 'v22.1.0', TZ: 'UTC' })
})
