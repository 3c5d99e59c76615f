import { sql } from 'kysely'
import type { Tx } from '../store/catalog.ts'
import type { EvidenceRow } from './evidence.ts'
import type { Cell, Tally } from './outcome-tally.ts'

/** Adds to this writer's rows; outcomes of a release that has been closed meanwhile are left out. */
export async function addTally(tx: Tx, writer: string, tally: Tally): Promise<void> {
  for (const { releaseId, cells } of tally.releases()) {
    const open = await tx
      .selectFrom('releases')
      .select('id')
      .where('id', '=', releaseId)
      .where('state', '=', 'open')
      .executeTakeFirst()
    if (!open) continue
    for (const cell of cells) await addCell(tx, writer, releaseId, cell)
  }
}

async function addCell(tx: Tx, writer: string, releaseId: string, cell: Cell): Promise<void> {
  let subjectsFailed = cell.failuresWithoutSubject
  for (const subject of cell.failedSubjects)
    if (await isFirstFailure(tx, releaseId, cell.metric, subject)) subjectsFailed++
  await tx
    .insertInto('release_counters')
    .values({
      release_id: releaseId,
      writer,
      metric: cell.metric,
      weight_bp: cell.weightBp,
      arm: cell.arm,
      requests: cell.requests,
      failures: cell.failures,
      subjects_failed: subjectsFailed,
    })
    .onConflict((conflict) =>
      conflict.columns(['release_id', 'writer', 'metric', 'weight_bp', 'arm']).doUpdateSet({
        requests: sql`requests + excluded.requests`,
        failures: sql`failures + excluded.failures`,
        subjects_failed: sql`subjects_failed + excluded.subjects_failed`,
      }),
    )
    .execute()
}

async function isFirstFailure(
  tx: Tx,
  releaseId: string,
  metric: string,
  subject: string,
): Promise<boolean> {
  const inserted = await tx
    .insertInto('release_failures')
    .values({ release_id: releaseId, metric, subject })
    .onConflict((conflict) => conflict.doNothing())
    .returning('subject')
    .executeTakeFirst()
  return inserted !== undefined
}

/** What all writers have counted, with `unwritten` added. */
export async function loadEvidence(
  db: Tx,
  releaseId: string,
  unwritten: readonly Cell[] = [],
): Promise<EvidenceRow[]> {
  const rows = await db
    .selectFrom('release_counters')
    .selectAll()
    .where('release_id', '=', releaseId)
    .execute()
  const counted = rows.map((row) => ({
    metric: row.metric,
    weightBp: row.weight_bp,
    arm: row.arm,
    requests: row.requests,
    failures: row.failures,
    subjectsFailed: row.subjects_failed,
  }))
  const waiting = unwritten.map(({ failedSubjects, failuresWithoutSubject, ...cell }) => ({
    ...cell,
    subjectsFailed: failedSubjects.length + failuresWithoutSubject,
  }))
  const nothing = { requests: 0, failures: 0, subjectsFailed: 0 }
  return [...counted, ...waiting].map(({ metric, weightBp, arm, ...sums }) => ({
    metric,
    weightBp,
    canary: arm === 'canary' ? sums : nothing,
    stable: arm === 'stable' ? sums : nothing,
  }))
}
