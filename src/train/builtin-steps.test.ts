import type { Verdict } from '@gyre/sdk/wire/gate'
import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { ctx, openShelf, VERDICT, type Shelf } from '../registry/fixture.ts'
import { createBuiltinSteps, type BuiltinStepsDeps } from './builtin-steps.ts'

const SPEC: Extract<StepSpec, { kind: 'register' }> = {
  kind: 'register',
  name: 'register-delay',
  inputs: {},
  model: 'delay',
  approvedBy: 'gate',
}

/** The end of one run's `register` step over these files. */
async function register({ store, registry }: Shelf, files: string, verdict: Verdict = VERDICT) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- registering asks no other room
  const builtins = createBuiltinSteps({ registry } as BuiltinStepsDeps)
  const { id: runId } = await store.runs.start(ctx, { kind: 'register', name: SPEC.name })
  const inputs = { model: { digest: digestOf(files), rows: 9 }, verdict }
  const step = {
    spec: SPEC,
    inputs,
    extra: null,
    runId,
    codeRef: 'code:flights@1',
    isRepeat: false,
  }
  return store.catalog.write((tx) => builtins.register.write(tx, ctx, step))
}

const decisionsOn = async ({ registry }: Shelf, ref: string) =>
  (await registry.get(ctx, ref)).approvals.map(({ actor, decision }) => `${decision} by ${actor}`)

test('files that are a version are that version again, with what was decided about it', async () => {
  await using shelf = await openShelf()
  const first = await register(shelf, 'one')
  const digest = digestOf('one')
  expect(first).toEqual({
    outputs: { ref: 'model:delay@1', digest, passed: true, isNew: true },
    made: [{ ref: 'model:delay@1', role: 'model', digest }],
  })
  expect((await register(shelf, 'two')).outputs).toMatchObject({ ref: 'model:delay@2' })
  expect(await register(shelf, 'one')).toEqual({
    outputs: { ref: 'model:delay@1', digest, passed: true, isNew: false },
    made: [],
  })
  expect(await decisionsOn(shelf, 'model:delay@1')).toEqual(['approved by policy:gate'])
  const told = await shelf.store.events.since(0, 100, { types: ['model.registered'] })
  expect(told.map(({ subject }) => subject.id)).toEqual(['delay@1', 'delay@2'])
})

test('what a person rejected stays so, however often its pipeline runs and its gate passes', async () => {
  await using shelf = await openShelf()
  await register(shelf, 'one')
  await shelf.registry.approve(ctx, 'model:delay@1', { decision: 'rejected', note: 'recalled' })
  await register(shelf, 'one')
  expect(await decisionsOn(shelf, 'model:delay@1')).toEqual([
    'approved by policy:gate',
    'rejected by local',
  ])
})

test('a version that its gate refused is approved once the gate passes it', async () => {
  await using shelf = await openShelf()
  await register(shelf, 'one', { ...VERDICT, passed: false })
  expect(await decisionsOn(shelf, 'model:delay@1')).toEqual([])
  await register(shelf, 'one')
  expect(await decisionsOn(shelf, 'model:delay@1')).toEqual(['approved by policy:gate'])
})
