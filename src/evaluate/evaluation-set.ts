import { EvaluationSet } from '@gyre/sdk/wire/gate'
import { RowSet } from '@gyre/sdk/wire/pipeline'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'

interface JudgedOn {
  readonly gate: string
  readonly on: RowSet
  readonly runId: string
  readonly at: string
}

/** The version of a gate's evaluation set that these rows are, as `GATE@VERSION`; undefined for rows it never saw. */
export async function findEvaluationSet(
  tx: Tx,
  ctx: Context,
  { gate, on }: Pick<JudgedOn, 'gate' | 'on'>,
): Promise<string | undefined> {
  const known = await tx
    .selectFrom('evaluation_sets')
    .select('version')
    .where('project', '=', ctx.project)
    .where('name', '=', gate)
    .where('digest', '=', on.digest)
    .executeTakeFirst()
  return known && `${gate}@${known.version}`
}

/** As `findEvaluationSet`; rows that the gate never saw become its next version. */
export async function keepEvaluationSet(
  tx: Tx,
  ctx: Context,
  { gate, on, runId, at }: JudgedOn,
): Promise<string> {
  const known = await findEvaluationSet(tx, ctx, { gate, on })
  if (known !== undefined) return known
  const { newest } = await tx
    .selectFrom('evaluation_sets')
    .select(({ fn }) => fn.max('version').as('newest'))
    .where('project', '=', ctx.project)
    .where('name', '=', gate)
    .executeTakeFirstOrThrow()
  const version = (newest ?? 0) + 1
  const { digest } = on
  const body = JSON.stringify(on)
  await tx
    .insertInto('evaluation_sets')
    .values({ project: ctx.project, name: gate, version, digest, body, run_id: runId, at })
    .execute()
  return `${gate}@${version}`
}

/** Newest first. */
export async function listEvaluationSets(
  tx: Tx,
  ctx: Context,
  gate: string | undefined,
): Promise<readonly EvaluationSet[]> {
  let query = tx.selectFrom('evaluation_sets').selectAll().where('project', '=', ctx.project)
  if (gate !== undefined) query = query.where('name', '=', gate)
  const found = await query.orderBy('at', 'desc').orderBy('version', 'desc').execute()
  return found.map(({ name, version, digest, body, run_id: runId, at }) => {
    const { rows, from, until } = RowSet.parse(JSON.parse(body))
    return EvaluationSet.parse({ name, version, digest, rows, from, until, runId, at })
  })
}
