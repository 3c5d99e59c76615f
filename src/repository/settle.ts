import { createReadStream } from 'node:fs'
import type { RunSettings } from '@gyre/sdk/wire/endpoint'
import type { Context } from '../core/context.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { TritonConfig } from '../core/formats/triton-config.ts'
import type { Log } from '../core/log.ts'
import type { TensorSession } from '../infer/session.ts'
import type { Registry } from '../registry/registry.ts'
import { modelRef } from '../registry/version-key.ts'
import type { Releases } from '../release/release.ts'
import type { Routes } from '../routes/routes.ts'
import type { Blobs } from '../store/blobs.ts'
import { stampOf, type Found, type FoundVersion } from './scan.ts'
import { assertDeclared, endpointOf, nextStable, runsOf } from './served-as.ts'

export interface SettleDeps {
  readonly blobs: Pick<Blobs, 'put' | 'putTree'>
  readonly registry: Pick<Registry, 'find' | 'registerNumbered'>
  readonly releases: Pick<Releases, 'open'>
  readonly routes: Pick<Routes, 'declareAlone' | 'get'>
  /** Loads a version that is not registered yet, as it would be served. Throws what loading it throws. */
  readonly tryModel: (ref: string, digest: string, runs?: RunSettings) => Promise<TensorSession>
  readonly log: Log
}

/** What is remembered of a model's folder from one look to the next. */
export interface ModelMemory {
  /** Version → its stamp when it was last looked at. */
  readonly stamps: Map<number, string>
  /** Version → the stamp that was found to be servable, registered and loadable. */
  readonly good: Map<number, string>
  /** Version, undefined for the model, → what was wrong with it, and for which stamp. */
  readonly refusals: Map<number | undefined, { readonly stamp: string; readonly reason: string }>
  /** The endpoint as it was last declared and routed, as text. */
  brought: string | undefined
}

export function newMemory(): ModelMemory {
  return { stamps: new Map(), refusals: new Map(), good: new Map(), brought: undefined }
}

type FoundModel = Extract<Found, { readonly refusal: undefined }>

/**
 * Brings one model's endpoint to what its folder says. A version counts once two looks found the same stamp, or with
 * `atOnce` one. Whatever is wrong is remembered and told; what was served before stays. Never rejects.
 */
export async function settleModel(
  deps: SettleDeps,
  ctx: Context,
  found: Found,
  memory: ModelMemory,
  atOnce: boolean,
): Promise<void> {
  const { name, refusal } = found
  const trials: TensorSession[] = []
  try {
    if (refusal !== undefined) throw new GyreError('INVALID_INPUT', refusal)
    for (const note of found.config.notes)
      if (atOnce) deps.log.info({ model: name }, `config.pbtxt: ${note}`)
    forgetGone(found, memory)
    const named = await servable({ ...deps, trials }, ctx, found, memory, atOnce)
    if (named.length > 0) await bring(deps, ctx, found, named, memory)
    memory.refusals.delete(undefined)
  } catch (thrown) {
    const reason = toGyreError(thrown).message
    if (memory.refusals.get(undefined)?.reason !== reason)
      deps.log.warn({ model: name, reason }, 'a model of the repository is not served')
    memory.refusals.set(undefined, { stamp: '', reason })
  } finally {
    for (const trial of trials) trial.close()
  }
}

function forgetGone({ versions }: FoundModel, memory: ModelMemory): void {
  const there = new Set<number | undefined>(versions.map(({ version }) => version))
  for (const version of memory.refusals.keys())
    if (version !== undefined && !there.has(version)) memory.refusals.delete(version)
}

/** References to the versions that the policy names and that can be served, the greatest first. */
async function servable(
  deps: SettleDeps & { readonly trials: TensorSession[] },
  ctx: Context,
  { name, config, versions }: FoundModel,
  memory: ModelMemory,
  atOnce: boolean,
): Promise<readonly string[]> {
  const { policy } = config
  const named: string[] = []
  for (const found of versions) {
    const { version, stamp } = found
    const isStill = atOnce || memory.stamps.get(version) === stamp
    memory.stamps.set(version, stamp)
    if (policy.kind === 'specific' && !policy.versions.includes(version)) continue
    if (policy.kind === 'latest' && named.length >= policy.count) continue
    const key = { name, version }
    if (memory.good.get(version) !== stamp) {
      if (!isStill || memory.refusals.get(version)?.stamp === stamp) continue
      if (!(await takeIn(deps, ctx, key, found, config, memory))) continue
    }
    named.push(modelRef(key))
  }
  return named
}

/** Registers a version once it was loaded; false, with the reason remembered, where it cannot be. */
async function takeIn(
  deps: SettleDeps & { readonly trials: TensorSession[] },
  ctx: Context,
  key: { readonly name: string; readonly version: number },
  { version, path, stamp }: FoundVersion,
  config: TritonConfig,
  memory: ModelMemory,
): Promise<boolean> {
  const { blobs, registry, log } = deps
  const ref = modelRef(key)
  try {
    const artifact = await blobs.put(createReadStream(path))
    // It was written to while it was read.
    if ((await stampOf(path)) !== stamp) return false
    const { digest } = await blobs.putTree([{ path: 'model.onnx', artifact }])
    const known = await registry.find(ctx, ref)
    if (known?.digest !== digest) {
      if (!known) {
        const trial = await deps.tryModel(ref, digest, runsOf(config))
        deps.trials.push(trial)
        assertDeclared(config, trial.graph)
      }
      await registry.registerNumbered(ctx, key, digest)
    }
    memory.good.set(version, stamp)
    memory.refusals.delete(version)
    return true
  } catch (thrown) {
    const reason = toGyreError(thrown).message
    log.warn({ model: ref, reason }, 'a version of the model repository is not served')
    memory.refusals.set(version, { stamp, reason })
    return false
  }
}

/** Declares the endpoint and moves its route; the release loads the version before traffic comes to it. */
async function bring(
  { routes, releases }: SettleDeps,
  ctx: Context,
  { name, config }: FoundModel,
  named: readonly string[],
  memory: ModelMemory,
): Promise<void> {
  const spec = endpointOf(name, config, named)
  const text = JSON.stringify(spec)
  if (memory.brought === text) return
  await routes.declareAlone(ctx, spec)
  const route = await routes.get(ctx, name)
  // A canary is somebody's experiment: the route is looked at again when it has ended.
  if (route.canary) return
  const next = nextStable(route, named)
  const plan = { kind: 'immediate' } as const
  if (next !== undefined)
    await releases.open(ctx, name, { model: next, plan, force: 'the model repository' })
  memory.brought = text
}
