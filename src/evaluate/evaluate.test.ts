import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { fakeClock } from '../core/clock.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import { createEvaluate, type Evaluation } from './evaluate.ts'
import { gateDigest } from './gate.ts'

const ctx = { project: 'default', actor: 'local', requestId: 'req_1' }
const modelDigest = digestOf('a model')
const rules = { auc: { atLeast: 0.68 } }

async function evaluateOver(store: TempStore) {
  const evaluate = createEvaluate({ ...store, clock: fakeClock() })
  const run = await store.runs.start(ctx, { kind: 'evaluation', name: 'worth-shipping' })
  const evaluation = (change: Partial<Evaluation> = {}): Evaluation => ({
    modelDigest,
    gate: 'worth-shipping',
    rules,
    evidence: { metrics: { auc: 0.7 } },
    rows: 4000,
    champion: null,
    runId: run.id,
    ...change,
  })
  const passing = (digest?: string) =>
    evaluate.passing(store.catalog.read, ctx, modelDigest, digest)
  return { evaluate, evaluation, passing, run }
}

test('a metric that is not a number refuses, and is written down as absent', async () => {
  await using store = await openTempStore()
  const { evaluate, evaluation, passing, run } = await evaluateOver(store)
  const verdict = await evaluate.record(
    ctx,
    evaluation({ evidence: { metrics: { auc: Number.NaN } } }),
  )
  expect(verdict).toMatchObject({ passed: false, metrics: { candidate: { auc: null } } })
  expect(verdict.checks[0]?.reason).toBe('the metric is NaN')
  expect(await passing()).toBeUndefined()
  expect((await store.runs.get(ctx, run.id)).metrics).toEqual({ auc: Number.NaN })
})

test('rules that check nothing leave nothing behind', async () => {
  await using store = await openTempStore()
  const { evaluate, evaluation } = await evaluateOver(store)
  await expect(evaluate.record(ctx, evaluation({ rules: {} }))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
  expect(await evaluate.latest(ctx, modelDigest)).toBeUndefined()
  expect(await store.events.latest({ types: ['gate.passed', 'gate.refused'] })).toBeUndefined()
})

test('a verdict holds for exactly these files, these rules and this project', async () => {
  await using store = await openTempStore()
  const { evaluate, evaluation, passing } = await evaluateOver(store)
  const verdict = await evaluate.record(ctx, evaluation())
  const read = store.catalog.read
  expect(await passing()).toEqual(verdict)
  expect(await passing(gateDigest(rules))).toEqual(verdict)
  expect(await passing(gateDigest({ auc: { atLeast: 0.6 } }))).toBeUndefined()
  expect(await evaluate.passing(read, ctx, digestOf('another'))).toBeUndefined()
  const elsewhere = { ...ctx, project: 'other' }
  expect(await evaluate.passing(read, elsewhere, modelDigest)).toBeUndefined()
})

test('the newest verdict of a gate counts, and every gate must pass', async () => {
  await using store = await openTempStore()
  const { evaluate, evaluation, passing } = await evaluateOver(store)
  await evaluate.record(ctx, evaluation())
  await evaluate.record(ctx, evaluation({ evidence: { metrics: { auc: 0.6 } } }))
  expect(await passing()).toBeUndefined()
  await evaluate.record(ctx, evaluation())
  expect((await passing())?.passed).toBe(true)
  await evaluate.record(ctx, evaluation({ gate: 'fair', rules: { auc: { atLeast: 0.9 } } }))
  expect(await passing()).toBeUndefined()
  await evaluate.record(ctx, evaluation({ rules: { auc: { atLeast: 0.71 } } }))
  expect((await evaluate.latest(ctx, modelDigest))?.passed).toBe(false)
})

test('every judgement is an event with its reasons', async () => {
  await using store = await openTempStore()
  const { evaluate, evaluation } = await evaluateOver(store)
  await evaluate.record(ctx, evaluation({ evidence: { metrics: { auc: 0.6 } } }))
  expect(await store.events.latest({ types: ['gate.refused'] })).toMatchObject({
    subject: { kind: 'gate', id: 'worth-shipping' },
    data: { modelDigest, reasons: ['auc: 0.6 is not ≥ 0.68'] },
  })
})
