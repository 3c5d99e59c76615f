import { rm } from 'node:fs/promises'
import type { CheckResult, ColumnProfile, DatasetSpec } from '@gyre/sdk/wire/dataset'
import type { Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { sqlName, sqlText, type Analytics, type Cell } from '../store/analytics.ts'
import type { Blobs } from '../store/blobs.ts'
import { numberCell, textCell } from './cell.ts'
import { readAs } from './column-type.ts'
import { compileContract, contractSql, resultOf, type Check } from './contract.ts'
import { assertPointers, subjectColumn } from './dataset-spec.ts'
import { csvLineOf } from './csv-line.ts'
import { addDerived } from './derive.ts'
import { profile } from './profile.ts'
import { describe, openSource, ROW_NUMBER, unreadable, type Source } from './source.ts'

/** DuckDB's own vector-aligned default: a filter on a sorted column skips whole groups. */
const ROW_GROUP_ROWS = 122_880

/** Failing rows shown with a broken check. */
const SAMPLE_ROWS = 5

/** Enough of a value to find it again. */
const SHOWN_CHARS = 60

/** A file as it came out of the import: Parquet in the blob store. */
export interface ImportedFile {
  readonly digest: Digest
  readonly rows: number
  readonly checks: CheckResult[]
  readonly profile: ColumnProfile[]
}

export interface ImportDeps {
  readonly analytics: Analytics
  readonly blobs: Blobs
}

/**
 * Checks the file, adds the subject and derived columns, and stores it as Parquet in the order of its rows.
 * Leaves nothing behind when it throws: INVALID_ARGUMENT (the spec), INVALID_INPUT (not such a file),
 * CONTRACT_BROKEN (with the first broken check, how many rows break it, and five of them).
 */
export async function importFile(
  { analytics, blobs }: ImportDeps,
  spec: DatasetSpec,
  sourceDigest: Digest,
): Promise<ImportedFile> {
  const source = await openSource(analytics, spec, blobs.pathOf(sourceDigest))
  const { rows, checks } = await checkContract(analytics, spec, source)
  const relation = await addDerived(analytics, typed(spec, source), spec.derive ?? {})
  const columns = await describe(analytics, relation)
  assertPointers(spec, new Map(columns.map(({ name, type }) => [name, type])))
  const made = blobs.newTempPath()
  try {
    await analytics.exec(
      `COPY (SELECT * FROM ${relation}) TO ${sqlText(made)}
       (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
    )
    const columnProfiles = await profile(analytics, `read_parquet(${sqlText(made)})`, columns)
    const artifact = await blobs.adopt(made, 'application/vnd.apache.parquet')
    return { digest: artifact.digest, rows, checks, profile: columnProfiles }
  } finally {
    await rm(made, { force: true })
  }
}

/** The file's columns, each as its declared type, and the subject. */
function typed(spec: DatasetSpec, source: Source): string {
  const columns = source.columns.map(({ name, type }) => {
    const declared = spec.columns[name]?.type
    const reading = declared && readAs(declared, type, sqlName(name))
    return `${reading?.value ?? sqlName(name)} AS ${sqlName(name)}`
  })
  const subject = subjectColumn(spec)
  if (!source.columns.some(({ name }) => name === subject))
    columns.push(`${sqlName(ROW_NUMBER)}::BIGINT AS ${sqlName(subject)}`)
  return `(SELECT ${columns.join(', ')} FROM ${source.scan})`
}

async function checkContract(
  analytics: Analytics,
  spec: DatasetSpec,
  source: Source,
): Promise<{ readonly rows: number; readonly checks: CheckResult[] }> {
  await assertPatterns(analytics, spec)
  const checks = compileContract(spec, source)
  const [counts] = await analytics.query(contractSql(checks, source)).catch((thrown: unknown) => {
    throw unreadable(source, thrown)
  })
  const rows = numberCell(counts, 'n')
  if (rows === 0) throw new GyreError('INVALID_INPUT', `${spec.name}: the file holds no rows`)
  const results = checks.map((check, i) => resultOf(check, rows, numberCell(counts, `c${i}`)))
  const broken = results.findIndex((result) => !result.passed)
  const check = checks[broken]
  if (check) throw await contractBroken(analytics, spec, source, check, results)
  return { rows, checks: results }
}

async function contractBroken(
  analytics: Analytics,
  spec: DatasetSpec,
  source: Source,
  check: Check,
  results: readonly CheckResult[],
): Promise<GyreError> {
  const samples = await analytics.query(
    `SELECT to_json(bad)::VARCHAR AS sample, ${sqlName(ROW_NUMBER)} AS row, ${sqlName(check.column)}::VARCHAR AS value
     FROM (SELECT * FROM ${source.scan} ${check.offenders} ORDER BY ${sqlName(ROW_NUMBER)} LIMIT ${SAMPLE_ROWS}) AS bad`,
  )
  const broken = results.filter((result) => !result.passed)
  const [first] = broken
  const [offender] = samples
  const { format, path } = source
  const line = format === 'csv' && (await csvLineOf(analytics, path, numberCell(offender, 'row')))
  const where = line ? `, first on line ${line}: ${shown(offender?.['value'])}` : ''
  return new GyreError(
    'CONTRACT_BROKEN',
    `${spec.name}: column ${check.column} breaks ${check.check} in ${first?.unexpected} of ${first?.rows} rows (share that must comply: ${check.mostly})${where}`,
    {
      ...first,
      ...(line ? { line } : {}),
      broken,
      samples: samples.map((row): unknown => JSON.parse(textCell(row, 'sample'))),
    },
  )
}

/** A value as it stands in the file, short. */
function shown(value: Cell | undefined): string {
  if (typeof value !== 'string') return 'no value'
  const text = JSON.stringify(value)
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text
}

async function assertPatterns(analytics: Analytics, spec: DatasetSpec): Promise<void> {
  for (const [name, { pattern }] of Object.entries(spec.columns)) {
    if (pattern === undefined) continue
    try {
      await analytics.query(`SELECT regexp_matches('', ${sqlText(pattern)})`)
    } catch (thrown) {
      const field = `columns.${name}.pattern`
      throw new GyreError(
        'INVALID_ARGUMENT',
        `${field}: expected a regular expression of RE2 (no look-around), got ${pattern}`,
        { field },
        thrown,
      )
    }
  }
}
