import { sql } from 'kysely'
import type { Context } from '../core/context.ts'
import { formatRef } from '../core/ref.ts'
import type { Tx } from '../store/catalog.ts'

/** The references to a model's versions and aliases: each begins with this, and no other does. */
function beginOf(name: string): string {
  return formatRef({ kind: 'model', name, version: '' })
}

/** Texts that begin with `model:churn@` lie from there to before `model:churnA`: `A` follows `@`. */
function rangeOf(name: string) {
  const from = beginOf(name)
  return { from, before: `${from.slice(0, -1)}A` }
}

/** True where a run of the project lists a version of the model among what it read or made. */
export async function isNamedByRuns(tx: Tx, { project }: Context, name: string): Promise<boolean> {
  const { from, before } = rangeOf(name)
  const row = await tx
    .selectFrom('run_refs')
    .innerJoin('runs', 'runs.id', 'run_refs.run_id')
    .select('runs.id')
    .where('run_refs.ref', '>=', from)
    .where('run_refs.ref', '<', before)
    .where('runs.project', '=', project)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** Lets the project's runs name a model's versions by its new name. */
export async function renameRefs(
  tx: Tx,
  { project }: Context,
  name: string,
  to: string,
): Promise<void> {
  const { from, before } = rangeOf(name)
  await tx
    .updateTable('run_refs')
    .set({ ref: sql`${beginOf(to)} || substr(ref, ${from.length + 1})` })
    .where('ref', '>=', from)
    .where('ref', '<', before)
    .where('run_id', 'in', (eb) =>
      eb.selectFrom('runs').select('id').where('project', '=', project),
    )
    .execute()
}
