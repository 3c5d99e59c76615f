import type { Verdict } from '@gyre/sdk/wire/gate'
import { fakeClock } from '../core/clock.ts'
import { digestOf } from '../core/digest.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import { createRegistry, type Registry, type RegistryDeps } from './registry.ts'

export const ctx = { project: 'default', actor: 'local', requestId: 'req_1' }

export const VERDICT: Verdict = {
  gate: 'worth-shipping',
  gateDigest: digestOf('rules'),
  passed: true,
  checks: [],
  metrics: { candidate: { auc: 0.7, logLoss: 0.42 }, champion: null, baseline: null },
  rows: 4000,
  champion: null,
}

export interface Shelf extends AsyncDisposable {
  readonly store: TempStore
  readonly registry: Registry
  /** Files whose gate has passed. */
  readonly passed: Set<string>
  /** Registers the next version of `delay`, made of `files` by a run of its own; gives its ref. */
  add(files: string): Promise<string>
}

/** A registry over a real store, and gates that pass what the test says. */
export async function openShelf(change: Partial<RegistryDeps> = {}): Promise<Shelf> {
  const store = await openTempStore()
  const passed = new Set<string>()
  const registry = createRegistry({
    ...store,
    clock: fakeClock(),
    verdicts: { passing: async (_tx, _ctx, digest) => (passed.has(digest) ? VERDICT : undefined) },
    fourEyes: async () => false,
    findPrediction: async () => undefined,
    ...change,
  })
  return {
    store,
    registry,
    passed,
    async add(files) {
      const run = await store.runs.start(ctx, { kind: 'training', name: 'fit' })
      const digest = digestOf(files)
      const version = { name: 'delay', digest, metrics: { auc: 0.7 }, runId: run.id }
      return (await registry.register(ctx, version)).ref
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
