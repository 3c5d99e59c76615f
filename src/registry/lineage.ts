import type { Lineage, LineageDirection, LineageEdge, LineageNode } from '@gyre/sdk/wire/lineage'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import { RefText } from '@gyre/sdk/wire/ref'
import type { Run } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
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

/** A walk that meets more is cut here: nobody reads a graph of this size, and it stays one screen of JSON. */
const MAX_NODES = 500

/** Steps of one pipeline run that a walk looks at. */
const MAX_STEPS = 200

interface Neighbour {
  readonly node: LineageNode
  readonly role: string
}

/** Walks run inputs and outputs breadth first from any reference. Throws NOT_FOUND, INVALID_ARGUMENT. */
export async function walkLineage(
  deps: LineageDeps,
  ctx: Context,
  root: string,
  direction: LineageDirection,
): Promise<Lineage> {
  const start = await describeRoot(deps, ctx, root)
  const nodes = new Map([[start.ref, start]])
  const edges = new Map<string, LineageEdge>()
  let truncated = false
  for (const way of direction === 'both' ? (['up', 'down'] as const) : [direction]) {
    const queue = [start]
    const seen = new Set([start.ref])
    for (let at = queue.shift(); at; at = queue.shift()) {
      for (const { node, role } of await neighbours(deps, ctx, at.ref, way)) {
        if (!nodes.has(node.ref) && nodes.size >= MAX_NODES) {
          truncated = true
          continue
        }
        if (!nodes.has(node.ref)) nodes.set(node.ref, node)
        const edge =
          way === 'up' ? { from: node.ref, to: at.ref, role } : { from: at.ref, to: node.ref, role }
        edges.set(`${edge.from} ${edge.to} ${role}`, edge)
        if (seen.has(node.ref)) continue
        seen.add(node.ref)
        queue.push(node)
      }
    }
  }
  return { root: start.ref, nodes: [...nodes.values()], edges: [...edges.values()], truncated }
}

async function describeRoot(deps: LineageDeps, ctx: Context, ref: string): Promise<LineageNode> {
  if (!RefText.safeParse(ref).success)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `expected a reference like model:churn@7, run:ID or prediction:ID, got ${JSON.stringify(ref)}`,
      { got: ref },
    )
  const { kind, id } = split(ref)
  if (kind === 'model') {
    const version = await deps.findVersion(ctx, ref)
    if (version) return versionNode(version)
  } else if (kind === 'run') {
    const run = await deps.runs.find(ctx, id)
    if (run) return runNode(run)
  } else if (kind === 'prediction') {
    if (await deps.findPrediction(ctx, id)) return plainNode(ref)
  } else {
    const [maker] = await deps.runs.producersOf(ctx, ref)
    const [user] = await deps.runs.consumersOf(ctx, ref)
    const named = [...(maker?.outputs ?? []), ...(user?.inputs ?? [])].find(
      (one) => one.ref === ref,
    )
    if (named) return plainNode(ref, named.digest)
  }
  throw new GyreError('NOT_FOUND', `nothing is known of ${ref}`, { ref })
}

function neighbours(
  deps: LineageDeps,
  ctx: Context,
  ref: string,
  way: 'up' | 'down',
): Promise<readonly Neighbour[]> {
  const { kind } = split(ref)
  if (way === 'up') {
    if (kind === 'prediction') return modelOfPrediction(deps, ctx, ref)
    return kind === 'run' ? sourcesOfRun(deps, ctx, ref) : makersOf(deps, ctx, ref)
  }
  return kind === 'run' ? fruitsOfRun(deps, ctx, ref) : usersOf(deps, ctx, ref)
}

async function modelOfPrediction(deps: LineageDeps, ctx: Context, ref: string) {
  const prediction = await deps.findPrediction(ctx, split(ref).id)
  if (!prediction) return []
  return [{ node: await nodeOf(deps, ctx, prediction.model), role: 'answered' }]
}

async function makersOf(deps: LineageDeps, ctx: Context, ref: string): Promise<Neighbour[]> {
  const makers = (await deps.runs.producersOf(ctx, ref)).map((run) => ({
    node: runNode(run),
    role: roleIn(run.outputs, ref),
  }))
  if (split(ref).kind !== 'model') return makers
  const version = await deps.findVersion(ctx, ref)
  const run = version && (await deps.runs.find(ctx, version.runId))
  if (run && makers.every(({ node }) => node.ref !== `run:${run.id}`))
    makers.push({ node: runNode(run), role: 'registered' })
  if (version && version.digest !== '')
    makers.push({ node: plainNode(`artifact:${version.digest}`, version.digest), role: 'files' })
  return makers
}

async function sourcesOfRun(deps: LineageDeps, ctx: Context, ref: string): Promise<Neighbour[]> {
  const run = await deps.runs.find(ctx, split(ref).id)
  if (!run) return []
  const inputs = await Promise.all(
    run.inputs.map(async (input) => ({
      node: await nodeOf(deps, ctx, input.ref, input.digest),
      role: input.role,
    })),
  )
  return [...inputs, ...(await stepsOf(deps, ctx, run))]
}

/** A pipeline's run reads nothing itself: its steps do. */
async function stepsOf(deps: LineageDeps, ctx: Context, run: Run): Promise<Neighbour[]> {
  if (run.kind !== 'pipeline') return []
  const { runs } = await deps.runs.list(ctx, { parentId: run.id }, MAX_STEPS)
  return runs.map((step) => ({ node: runNode(step), role: 'step' }))
}

async function usersOf(deps: LineageDeps, ctx: Context, ref: string): Promise<Neighbour[]> {
  const users = await deps.runs.consumersOf(ctx, ref)
  return users.map((run) => ({ node: runNode(run), role: roleIn(run.inputs, ref) }))
}

async function fruitsOfRun(deps: LineageDeps, ctx: Context, ref: string): Promise<Neighbour[]> {
  const run = await deps.runs.find(ctx, split(ref).id)
  if (!run) return []
  const outputs = await Promise.all(
    run.outputs.map(async (output) => ({
      node: await nodeOf(deps, ctx, output.ref, output.digest),
      role: output.role,
    })),
  )
  const versions = (await deps.versionsOfRun(ctx, run.id))
    .filter((version) => outputs.every(({ node }) => node.ref !== version.ref))
    .map((version) => ({ node: versionNode(version), role: 'registered' }))
  return [...outputs, ...versions, ...(await usersOf(deps, ctx, ref))]
}

async function nodeOf(
  deps: LineageDeps,
  ctx: Context,
  ref: string,
  digest?: string,
): Promise<LineageNode> {
  const { kind, id } = split(ref)
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

function roleIn(refs: Run['inputs'], ref: string): string {
  return refs.find((one) => one.ref === ref)?.role ?? ''
}

function runNode(run: Run): LineageNode {
  return {
    ref: `run:${run.id}`,
    kind: 'run',
    digest: run.code?.digest ?? null,
    label: `${run.kind} ${run.name}`,
  }
}

function versionNode({ ref, digest }: ModelVersion): LineageNode {
  return { ref, kind: 'model', digest, label: null }
}

function plainNode(ref: string, digest?: string): LineageNode {
  const { kind, id } = split(ref)
  return { ref, kind, digest: digest ?? (kind === 'artifact' ? id : null), label: null }
}

/** `run:run_01` is `run` and `run_01`; `artifact:sha256:…` is `artifact` and `sha256:…`. */
function split(ref: string): { readonly kind: string; readonly id: string } {
  const colon = ref.indexOf(':')
  return { kind: ref.slice(0, colon), id: ref.slice(colon + 1) }
}
