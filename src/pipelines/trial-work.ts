import type { Tx } from '../store/catalog.ts'

/** The pipeline run that was started to do a trial's work; undefined when there is none, or somebody cancelled it. */
export async function workOf(db: Tx, project: string, trial: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('pipeline_runs')
    .select('id')
    .where('project', '=', project)
    .where('trial', '=', trial)
    .where('cancel_asked_at', 'is', null)
    .orderBy('started_at', 'desc')
    .executeTakeFirst()
  return row?.id
}
