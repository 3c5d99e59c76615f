import type { Verdict } from '@gyre/sdk/wire/gate'
import { fakeClock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { digestOf } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import type { EndpointUse } from './endpoint-use.ts'
import type { ModelPolicy } from './model-policy.ts'
import type { FileSource } from './model-source.ts'
import { createRegistry, type Registry, type RegistryDeps } from './registry.ts'
import type { Frozen } from './sourced-version.ts'

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

/** What a gated model asks unless a test says more. */
export const GATED: ModelPolicy = {
  gated: true,
  approvals: 1,
  among: null,
  fourEyes: false,
  forbids: [],
}

/** What the code of a project asks of a model that it does not speak of. */
export const UNGOVERNED: ModelPolicy = { ...GATED, gated: false }

export interface Shelf extends AsyncDisposable {
  readonly store: TempStore
  readonly registry: Registry
  /** Files whose gate has passed. */
  readonly passed: Set<string>
  /** What the endpoints of the project are and name. */
  readonly endpoints: EndpointUse[]
  /** A run of the experiment 0 with these files; gives its id. */
  logged(files: Readonly<Record<string, string>>, of?: Context): Promise<string>
  /** Registers the next version of `delay`, made of `files` by a run of its own; gives its ref. */
  add(files: string): Promise<string>
}

/** A registry over a real store, and gates that pass what the test says. */
export async function openShelf(change: Partial<RegistryDeps> = {}): Promise<Shelf> {
  const store = await openTempStore()
  const passed = new Set<string>()
  const endpoints: EndpointUse[] = []
  const filesOf = new Map<string, Readonly<Record<string, string>>>()

  /** What the artifacts of runs do: the files below the path, as a tree. */
  async function freeze(of: Context, source: FileSource): Promise<Frozen> {
    const { root, path } = source
    const run = root.kind === 'run' ? await store.runs.get(of, root.id) : undefined
    const files = run && (root.experiment ?? 0) === 0 ? filesOf.get(run.id) : undefined
    if (!run || !files) throw new GyreError('NOT_FOUND', `no files of ${root.id}`)
    const prefix = path === '' ? '' : `${path}/`
    const entries = Object.entries(files)
      .filter(([file]) => file.startsWith(prefix))
      .map(async ([file, text]) => ({
        path: file.slice(prefix.length),
        artifact: await store.blobs.put(Buffer.from(text)),
      }))
    return { digest: (await store.blobs.putTree(await Promise.all(entries))).digest, runId: run.id }
  }

  const registry = createRegistry({
    ...store,
    clock: fakeClock(),
    verdicts: {
      passing: async (_tx, _ctx, digest) => (passed.has(digest) ? VERDICT : undefined),
      standing: async (_tx, _ctx, digest) => (passed.has(digest) ? [VERDICT] : []),
      lapsed: async () => [],
    },
    policy: async () => GATED,
    endpoints: async () => endpoints,
    freeze,
    tellLoggedModel: async () => {},
    findPrediction: async () => undefined,
    ...change,
  })
  return {
    store,
    registry,
    passed,
    endpoints,
    async logged(files, of = ctx) {
      const { id } = await store.runs.start(of, { kind: 'training', name: 'fit' })
      filesOf.set(id, files)
      return id
    },
    async add(files) {
      const run = await store.runs.start(ctx, { kind: 'training', name: 'fit' })
      const digest = digestOf(files)
      const version = { name: 'delay', digest, metrics: { auc: 0.7 }, runId: run.id }
      return (await registry.register(ctx, version)).ref
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}
