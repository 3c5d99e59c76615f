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
  const gates = new Set(['worth-shipping', 'fair'])
  const declared = async () => gates
  const evaluate = createEvaluate({ ...store, clock: fakeClock(), declared })
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
  return { evaluate, evaluation, passing, run, gates }
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
  const standing = await evaluate.verdicts(ctx, modelDigest)
  expect(standing.map(({ gate }) => gate)).toEqual(['fair', 'worth-shipping'])
})

test('what a gate said counts neither way while the code declares no such gate', async () => {
  await using store = await openTempStore()
  const { evaluate, evaluation, passing, gates } = await evaluateOver(store)
  const read = store.catalog.read
  await evaluate.record(ctx, evaluation({ gate: 'fair', rules: { auc: { atLeast: 0.9 } } }))
  await evaluate.record(ctx, evaluation())
  const names = async (kind: 'standing' | 'lapsed') =>
    (await evaluate[kind](read, ctx, modelDigest)).map(({ gate }) => gate)
  expect(await passing()).toBeUndefined()
  expect([await names('standing'), await names('lapsed')]).toEqual([['fair', 'worth-shipping'], []])
  gates.delete('fair')
  expect((await passing())?.gate).toBe('worth-shipping')
  expect([await names('standing'), await names('lapsed')]).toEqual([['worth-shipping'], ['fair']])
  gates.delete('worth-shipping')
  expect(await passing()).toBeUndefined()
  expect(await evaluate.verdicts(ctx, modelDigest)).toHaveLength(2)
  gates.add('worth-shipping').add('fair')
  expect(await passing()).toBeUndefined()
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

const on = (text: string): Partial<Evaluation> => ({
  on: {
    digest: digestOf(text),
    rows: 4000,
    from: '2001-02-01T00:00:00.000Z',
    until: '2001-02-08T00:00:00.000Z',
    label: 'late',
    at: 'at',
    subject: 'flight',
    inputs: [],
  },
})

test('equal rows are one version of a gate’s evaluation set, others the next, and no version changes', async () => {
  await using store = await openTempStore()
  const { evaluate, evaluation, run } = await evaluateOver(store)
  const setOf = async (change: Partial<Evaluation>) =>
    (await evaluate.record(ctx, evaluation(change))).evaluationSet
  expect(await setOf(on('february'))).toBe('worth-shipping@1')
  expect(await setOf(on('march'))).toBe('worth-shipping@2')
  expect(await setOf({ ...on('february'), modelDigest: digestOf('other') })).toBe(
    'worth-shipping@1',
  )
  expect(await setOf({ ...on('february'), gate: 'fair' })).toBe('fair@1')
  expect(await evaluate.evaluationSets(ctx, 'worth-shipping')).toMatchObject([
    { name: 'worth-shipping', version: 2, digest: digestOf('march'), rows: 4000, runId: run.id },
    { name: 'worth-shipping', version: 1, digest: digestOf('february') },
  ])
  expect(await evaluate.evaluationSets({ ...ctx, project: 'other' })).toEqual([])
  const change = store.catalog.write((tx) =>
    tx
      .updateTable('evaluation_sets')
      .set({ digest: digestOf('april') })
      .execute(),
  )
  await expect(change).rejects.toThrow('an evaluation set never changes')
})
