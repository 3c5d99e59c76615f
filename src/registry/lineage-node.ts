import type { LineageNode } from '@gyre/sdk/wire/lineage'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Run } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import type { Runs } from '../store/runs.ts'

/** The model that answered a prediction, `model:churn@7`. */
export type FindPrediction = (
  ctx: Context,
  id: string,
) => Promise<{ readonly model: string } | undefined>

export interface LineageDeps {
  readonly runs: Pick<Runs, 'find' | 'list' | 'producersOf' | 'consumersOf'>
  findVersion(ctx: Context, ref: string): Promise<ModelVersion | undefined>
  versionsOfRun(ctx: Context, runId: string): Promise<readonly ModelVersion[]>
  readonly findPrediction: FindPrediction
}

/** A thing named by a run, described as far as it is known. */
export async function nodeOf(
  deps: LineageDeps,
  ctx: Context,
  ref: string,
  digest?: string,
): Promise<LineageNode> {
  const { kind, id } = splitRef(ref)
  if (kind === 'run') {
    const run = await deps.runs.find(ctx, id)
    return run ? runNode(run) : plainNode(ref, digest)
  }
  if (kind === 'model') {
    const version = await deps.findVersion(ctx, ref)
    return version ? versionNode(version) : plainNode(ref, digest)
  }
  return plainNode(ref, digest)
}

export function runNode(run: Run): LineageNode {
  return {
    ref: `run:${run.id}`,
    kind: 'run',
    digest: run.code?.digest ?? null,
    label: `${run.kind} ${run.name}`,
  }
}

export function versionNode({ ref, digest }: ModelVersion): LineageNode {
  return { ref, kind: 'model', digest, label: null }
}

export function plainNode(ref: string, digest?: string): LineageNode {
  const { kind, id } = splitRef(ref)
  return { ref, kind, digest: digest ?? (kind === 'artifact' ? id : null), label: null }
}

/** `run:run_01` is `run` and `run_01`; `artifact:sha256:…` is `artifact` and `sha256:…`. */
export function splitRef(ref: string): { readonly kind: string; readonly id: string } {
  const colon = ref.indexOf(':')
  return { kind: ref.slice(0, colon), id: ref.slice(colon + 1) }
}
