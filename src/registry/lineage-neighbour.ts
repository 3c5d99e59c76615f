import type { LineageNode } from '@gyre/sdk/wire/lineage'
import type { Run } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import {
  nodeOf,
  plainNode,
  runNode,
  splitRef,
  versionNode,
  type LineageDeps,
} from './lineage-node.ts'

/** Steps of one pipeline run that a walk looks at. */
const MAX_STEPS = 200

export interface Neighbour {
  readonly node: LineageNode
  readonly role: string
}

/** What a thing was made of (`up`), or what was made of it. */
export function neighbours(
  deps: LineageDeps,
  ctx: Context,
  ref: string,
  way: 'up' | 'down',
): Promise<readonly Neighbour[]> {
  const { kind } = splitRef(ref)
  if (way === 'up') {
    if (kind === 'prediction') return modelOfPrediction(deps, ctx, ref)
    return kind === 'run' ? sourcesOfRun(deps, ctx, ref) : makersOf(deps, ctx, ref)
  }
  return kind === 'run' ? fruitsOfRun(deps, ctx, ref) : usersOf(deps, ctx, ref)
}

async function modelOfPrediction(deps: LineageDeps, ctx: Context, ref: string) {
  const prediction = await deps.findPrediction(ctx, splitRef(ref).id)
  if (!prediction) return []
  return [{ node: await nodeOf(deps, ctx, prediction.model), role: 'answered' }]
}

async function makersOf(deps: LineageDeps, ctx: Context, ref: string): Promise<Neighbour[]> {
  const makers = (await deps.runs.producersOf(ctx, ref)).map((run) => ({
    node: runNode(run),
    role: roleIn(run.outputs, ref),
  }))
  if (splitRef(ref).kind !== 'model') return makers
  const version = await deps.findVersion(ctx, ref)
  const run = version?.runId && (await deps.runs.find(ctx, version.runId))
  if (run && makers.every(({ node }) => node.ref !== `run:${run.id}`))
    makers.push({ node: runNode(run), role: 'registered' })
  if (version && version.digest !== '')
    makers.push({ node: plainNode(`artifact:${version.digest}`, version.digest), role: 'files' })
  return makers
}

async function sourcesOfRun(deps: LineageDeps, ctx: Context, ref: string): Promise<Neighbour[]> {
  const run = await deps.runs.find(ctx, splitRef(ref).id)
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
  const run = await deps.runs.find(ctx, splitRef(ref).id)
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

function roleIn(refs: Run['inputs'], ref: string): string {
  return refs.find((one) => one.ref === ref)?.role ?? ''
}
