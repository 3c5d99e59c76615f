import type { Lineage, LineageDirection, LineageEdge, LineageNode } from '@gyre/sdk/wire/lineage'
import { RefText } from '@gyre/sdk/wire/ref'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { neighbours } from './lineage-neighbour.ts'
import { plainNode, runNode, splitRef, versionNode, type LineageDeps } from './lineage-node.ts'

/** A walk that meets more is cut here: nobody reads a graph of this size, and it stays one screen of JSON. */
const MAX_NODES = 500

type Way = 'up' | 'down'

interface Graph {
  readonly nodes: Map<string, LineageNode>
  readonly edges: Map<string, LineageEdge>
  truncated: boolean
}

/** Walks run inputs and outputs breadth first from any reference. Throws NOT_FOUND, INVALID_ARGUMENT. */
export async function walkLineage(
  deps: LineageDeps,
  ctx: Context,
  root: string,
  direction: LineageDirection,
): Promise<Lineage> {
  const start = await describeRoot(deps, ctx, root)
  const graph: Graph = { nodes: new Map([[start.ref, start]]), edges: new Map(), truncated: false }
  if (direction !== 'down') await spread(deps, ctx, graph, start, 'up')
  if (direction !== 'up') await spread(deps, ctx, graph, start, 'down')
  const { nodes, edges, truncated } = graph
  return { root: start.ref, nodes: [...nodes.values()], edges: [...edges.values()], truncated }
}

async function spread(
  deps: LineageDeps,
  ctx: Context,
  graph: Graph,
  start: LineageNode,
  way: Way,
): Promise<void> {
  const queue = [start.ref]
  const seen = new Set(queue)
  for (let at = queue.shift(); at !== undefined; at = queue.shift())
    for (const { node, role } of await neighbours(deps, ctx, at, way)) {
      if (!admit(graph, node)) continue
      const { ref } = node
      const edge = way === 'up' ? { from: ref, to: at, role } : { from: at, to: ref, role }
      graph.edges.set(`${edge.from} ${edge.to} ${role}`, edge)
      if (!seen.has(ref)) queue.push(ref)
      seen.add(ref)
    }
}

/** False for a node beyond the limit, which leaves the graph marked as cut. */
function admit(graph: Graph, node: LineageNode): boolean {
  const { nodes } = graph
  if (nodes.has(node.ref)) return true
  if (nodes.size >= MAX_NODES) {
    graph.truncated = true
    return false
  }
  nodes.set(node.ref, node)
  return true
}

async function describeRoot(deps: LineageDeps, ctx: Context, ref: string): Promise<LineageNode> {
  if (!RefText.safeParse(ref).success)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `expected a reference like model:churn@7, run:ID or prediction:ID, got ${JSON.stringify(ref)}`,
      { got: ref },
    )
  const { kind, id } = splitRef(ref)
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
