import { rm } from 'node:fs/promises'
import type { BatchColumn } from '@gyre/sdk/wire/batch'
import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { numberCell } from '../data/cell.ts'
import { openSource, unreadable, type Source } from '../data/source.ts'
import { sqlText, type Analytics } from '../store/analytics.ts'
import type { Blobs } from '../store/blobs.ts'

export interface FileDeps {
  readonly analytics: Analytics
  readonly blobs: Blobs
}

/** A file of rows that somebody has stored. */
export interface RowsFile {
  readonly digest: Digest
  readonly format: 'parquet' | 'csv'
}

/** A file as Parquet with a number for each of its rows, so that a part of it is found without reading all of it. */
export interface PreparedFile {
  readonly digest: Digest
  readonly rows: number
  readonly columns: readonly BatchColumn[]
}

/** Throws NOT_FOUND where its bytes are not stored, INVALID_INPUT where it is not such a file. */
export async function openRows(
  { analytics, blobs }: FileDeps,
  { digest, format }: RowsFile,
  spec: EndpointSpec,
): Promise<Source> {
  if (!(await blobs.has(digest)))
    throw new GyreError('NOT_FOUND', `digest: no bytes of ${digest} are stored`, {
      field: 'digest',
    })
  const declared = { source: { format, path: '' }, columns: spec.input }
  return openSource(analytics, declared, blobs.pathOf(digest))
}

/** Reads the file to its end, once. Throws INVALID_INPUT where that is not possible. */
export async function prepareRows(
  { analytics, blobs }: FileDeps,
  source: Source,
  signal: AbortSignal,
): Promise<PreparedFile> {
  const made = blobs.newTempPath()
  try {
    await analytics
      .exec(`COPY (SELECT * FROM ${source.scan}) TO ${sqlText(made)} (FORMAT parquet)`, { signal })
      .catch((thrown: unknown) => {
        throw unreadable(source, thrown)
      })
    const [count] = await analytics.query(
      `SELECT count(*) AS n FROM read_parquet(${sqlText(made)})`,
    )
    const { digest } = await blobs.adopt(made, 'application/vnd.apache.parquet')
    return { digest, rows: numberCell(count, 'n'), columns: source.columns }
  } finally {
    await rm(made, { force: true })
  }
}
