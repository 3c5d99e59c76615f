import type { Context } from '../core/context.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'

/** Which traces of an experiment: those named, or the oldest ones until a time, as many as `most`. */
export type DoomedTraces =
  | { readonly ids: readonly string[] }
  | { readonly untilMs: number; readonly most: number | undefined }

export interface RemovalDeps {
  readonly catalog: Catalog
  readonly events: Events
  /** Forgets the artifacts of traces that are removed. */
  readonly forgetArtifacts: (tx: Tx, ctx: Context, traces: readonly string[]) => Promise<void>
}

/** Each removal of so many is a unit of its own, so that others may write in between. */
const AT_ONCE = 500

/** Removes traces with all that hangs on them; gives how many. */
export async function removeTraces(
  deps: RemovalDeps,
  ctx: Context,
  experiment: number,
  which: DoomedTraces,
): Promise<number> {
  const most = 'ids' in which ? which.ids.length : (which.most ?? Number.MAX_SAFE_INTEGER)
  let removed = 0
  for (;;) {
    const limit = Math.min(AT_ONCE, most - removed)
    const count = await removeSome(deps, ctx, experiment, which, limit)
    removed += count
    if (count < AT_ONCE || removed === most) return removed
  }
}

function removeSome(
  { catalog, events, forgetArtifacts }: RemovalDeps,
  ctx: Context,
  experiment: number,
  which: DoomedTraces,
  limit: number,
): Promise<number> {
  return catalog.write(async (tx) => {
    const rows = await tx
      .selectFrom('traces')
      .select(['seq', 'id'])
      .where('project', '=', ctx.project)
      .where('experiment', '=', experiment)
      .where((eb) =>
        'ids' in which ? eb('id', 'in', which.ids) : eb('start_ms', '<=', which.untilMs),
      )
      .orderBy('start_ms')
      .orderBy('id')
      .limit(limit)
      .execute()
    if (rows.length === 0) return 0
    const seqs = rows.map(({ seq }) => seq)
    await tx.deleteFrom('traces').where('seq', 'in', seqs).execute()
    const ids = rows.map(({ id }) => id)
    await forgetArtifacts(tx, ctx, ids)
    const subject = { kind: 'experiment', id: String(experiment) }
    await events.append(tx, ctx, { type: 'traces.deleted', subject, data: { count: ids.length } })
    return ids.length
  })
}
