import type { PipelineRun, StepRun } from '@gyre/sdk/wire/pipeline'
import { expect, test } from 'vitest'
import { outcomeOf } from './outcome.ts'
import { pipelineRun, verdictOf } from './fixture.ts'

const error = { code: 'STEP_FAILED', message: 'the process was killed\nits output' }
const broken = (run: PipelineRun): PipelineRun => ({
  ...run,
  status: 'failed',
  steps: run.steps.map((step): StepRun => ({ ...step, state: 'failed', outputs: null, error })),
})

test('a run that goes on has no outcome', () => {
  expect(outcomeOf(pipelineRun({ status: 'running', verdict: null }))).toEqual({ kind: 'running' })
})

test('a run that failed says at which step and why, in one line', () => {
  const run = pipelineRun({ verdict: verdictOf(true), candidate: 'model:delay@2' })
  expect(outcomeOf(broken(run))).toMatchObject({
    kind: 'failed',
    reason: 'step worth-shipping: the process was killed',
  })
  expect(outcomeOf({ ...run, status: 'cancelled', steps: [] })).toMatchObject({
    reason: 'pipeline train was cancelled',
  })
})

test('without a verdict or without a version nothing can be released', () => {
  expect(outcomeOf(pipelineRun({ verdict: null }))).toMatchObject({
    kind: 'failed',
    reason: 'pipeline train has no gate that judged',
  })
  expect(outcomeOf(pipelineRun({ verdict: verdictOf(true) }))).toMatchObject({
    kind: 'failed',
    reason: 'pipeline train registered no version',
  })
})

test('a refusal names the metrics, whether or not its model was kept', () => {
  const verdict = verdictOf(false)
  const reason = 'logLoss: 0.43 is not < 0.42'
  expect(outcomeOf(pipelineRun({ verdict }))).toEqual({ kind: 'refused', reason, verdict })
  expect(outcomeOf(pipelineRun({ verdict, candidate: 'model:delay@2' }))).toMatchObject({
    kind: 'refused',
    candidate: 'model:delay@2',
  })
})

test('a pass gives the version', () => {
  const run = pipelineRun({ verdict: verdictOf(true), candidate: 'model:delay@2' })
  expect(outcomeOf(run)).toMatchObject({ kind: 'passed', candidate: 'model:delay@2' })
})
