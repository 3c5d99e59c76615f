import type { RowSet } from '@gyre/sdk/wire/pipeline'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { sqlName, sqlText, type Analytics } from '../store/analytics.ts'
import type { StepFiles } from './step-files.ts'

const Found = z.object({
  rows: z.coerce.number(),
  subject: z.string().nullable(),
  instant: z.coerce.number().nullable(),
})

interface Deps {
  readonly files: Pick<StepFiles, 'blob'>
  readonly analytics: Pick<Analytics, 'query'>
}

/**
 * Throws ROW_OVERLAP where rows that a model shall be judged on are among those it has learned from, with their
 * number and one of them. A row is known by the hash of its subject and its instant, whatever its other columns:
 * a corrected label or another feature does not make it new.
 */
export async function assertApart(
  { files, analytics }: Deps,
  model: string,
  rows: RowSet,
  learnedDigest: string,
): Promise<void> {
  const [ours, theirs] = [await files.blob(rows.digest), await files.blob(learnedDigest)]
  const hash = `md5(concat_ws(chr(31), coalesce(CAST(${sqlName(rows.subject)} AS VARCHAR), ''),
    epoch_us(CAST(${sqlName(rows.at)} AS TIMESTAMP))))`
  const [first] = await analytics.query(`
    SELECT count(*) AS rows, min_by(subject, place) AS subject, min_by(instant, place) AS instant
    FROM (SELECT ${hash} AS row_hash, CAST(${sqlName(rows.subject)} AS VARCHAR) AS subject,
        epoch_ms(CAST(${sqlName(rows.at)} AS TIMESTAMP)) AS instant, file_row_number AS place
      FROM read_parquet(${sqlText(ours)}, file_row_number = true))
    WHERE row_hash IN (SELECT ${hash} FROM read_parquet(${sqlText(theirs)}))`)
  const found = Found.parse(first)
  if (found.rows === 0) return
  const at = new Date(found.instant ?? Number.NaN)
  const when = Number.isNaN(at.getTime()) ? 'no known time' : at.toISOString()
  throw new GyreError(
    'ROW_OVERLAP',
    `rows: expected rows that the ${model} has not learned from, got ${found.rows} of ${rows.rows} that it has, ${rows.subject} ${found.subject} at ${when} for one: hold rows out with holdout, and judge on those`,
    { field: 'rows', model, overlapping: found.rows, of: rows.rows, example: found.subject },
  )
}
