import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Artifact } from '@gyre/sdk/wire/artifact'
import type { Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { numberCell, textCell } from '../data/cell.ts'
import { ROW_NUMBER } from '../data/source.ts'
import { sqlName, sqlText } from '../store/analytics.ts'
import { answerColumns, type RowReading } from './columns.ts'
import type { FileDeps } from './input-file.ts'
import { scoreRows, type BatchRow, type ScoreDeps, type ScoredRow } from './score-rows.ts'

/** Rows that are in memory at a time, as requests and as answers. */
const CHUNK_ROWS = 4_096

/** Rows of a file that follow each other. */
export interface Stretch {
  readonly shard: number
  /** From 0. */
  readonly firstRow: number
  readonly rows: number
}

/** Answers, stored as Parquet. */
export interface StoredShard extends Stretch {
  readonly failedRows: number
  readonly artifact: Artifact
}

export interface ShardDeps extends FileDeps, ScoreDeps {
  /** The prepared file. */
  readonly file: Digest
  readonly reading: RowReading
}

/** The stretches of a file; one without rows where it has none, so that its columns are told. */
export function stretchesOf(rows: number, shardRows: number): readonly Stretch[] {
  const count = Math.max(1, Math.ceil(rows / shardRows))
  return Array.from({ length: count }, (_, shard) => {
    const firstRow = shard * shardRows
    return { shard, firstRow, rows: Math.min(shardRows, rows - firstRow) }
  })
}

/** Answers every row of a stretch, and stores rows and answers side by side. Leaves nothing behind when it throws. */
export async function scoreShard(deps: ShardDeps, stretch: Stretch): Promise<StoredShard> {
  const { analytics, blobs, held, file, signal } = deps
  const [answers, made] = [blobs.newTempPath(), blobs.newTempPath()]
  let failedRows = 0
  async function* lines(): AsyncGenerator<string> {
    for (let done = 0; done < stretch.rows; done += CHUNK_ROWS) {
      const from = stretch.firstRow + done
      const to = from + Math.min(CHUNK_ROWS, stretch.rows - done)
      const scored = await scoreRows(deps, await readChunk(deps, from, to))
      failedRows += scored.filter((row) => 'error' in row).length
      yield scored.map(line).join('')
    }
  }
  try {
    await pipeline(Readable.from(lines()), createWriteStream(answers))
    const types = answerColumns(held.answers).map(({ name, type }) => `${name}: '${type}'`)
    const told = answerColumns(held.answers).map(({ name }) =>
      name === 'model_version' ? `${sqlText(held.model)} AS ${name}` : `answer.${name}`,
    )
    await analytics.exec(
      `COPY (
        SELECT asked.* EXCLUDE (${sqlName(ROW_NUMBER)}), ${told.join(', ')}
        FROM ${rowsOf(file, stretch.firstRow, stretch.firstRow + stretch.rows, deps)} AS asked
        JOIN read_json(${sqlText(answers)}, format = 'newline_delimited', columns = {row: 'BIGINT', ${types.join(', ')}}) AS answer
          ON answer.row = asked.${sqlName(ROW_NUMBER)}
        ORDER BY asked.${sqlName(ROW_NUMBER)}
      ) TO ${sqlText(made)} (FORMAT parquet, COMPRESSION zstd)`,
      { signal },
    )
    await assertRows(deps, made, stretch.rows)
    const artifact = await blobs.adopt(made, 'application/vnd.apache.parquet')
    return { ...stretch, failedRows, artifact }
  } finally {
    await Promise.all([answers, made].map((path) => rm(path, { force: true })))
  }
}

async function readChunk(deps: ShardDeps, from: number, to: number): Promise<readonly BatchRow[]> {
  const { input, at } = deps.reading
  const rows = await deps.analytics.query(
    `SELECT ${sqlName(ROW_NUMBER)} AS row, ${input} AS input, ${at} AS at
     FROM ${rowsOf(deps.file, from, to, deps)} ORDER BY ${sqlName(ROW_NUMBER)}`,
    [],
    { signal: deps.signal },
  )
  return rows.map((row) => ({
    row: numberCell(row, 'row'),
    input: textCell(row, 'input'),
    at: row['at'] === null ? undefined : textCell(row, 'at'),
  }))
}

function rowsOf(file: Digest, from: number, to: number, { blobs }: FileDeps): string {
  const number = sqlName(ROW_NUMBER)
  return `(SELECT * FROM read_parquet(${sqlText(blobs.pathOf(file))}) WHERE ${number} >= ${from} AND ${number} < ${to})`
}

/** JSON has no number for what is not finite: null stands for it. */
function line(row: ScoredRow): string {
  return `${JSON.stringify(row)}\n`
}

/** What is named in the catalog holds each row once. */
async function assertRows({ analytics }: FileDeps, path: string, expected: number): Promise<void> {
  const [counted] = await analytics.query(
    `SELECT count(*) AS n FROM read_parquet(${sqlText(path)})`,
  )
  const rows = numberCell(counted, 'n')
  if (rows !== expected)
    throw new GyreError('INTERNAL', `the shard holds ${rows} rows, expected ${expected}`)
}
