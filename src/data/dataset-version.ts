import { CheckResult, ColumnProfile, DatasetSpec } from '@gyre/sdk/wire/dataset'
import type { DatasetVersion } from '@gyre/sdk/wire/dataset'
import { z } from 'zod'
import { formatRef } from '../core/ref.ts'
import type { Tables } from '../store/schema.ts'
import type { Selectable } from 'kysely'

export type DatasetVersionRow = Selectable<Tables['dataset_versions']>

/** A version as the catalog keeps it: what the wire shows, and the spec it was made with. */
export interface StoredDataset {
  readonly version: DatasetVersion
  readonly spec: DatasetSpec
}

export function datasetRef(name: string, version: number): string {
  return formatRef({ kind: 'dataset', name, version: String(version) })
}

export function toRow(
  project: string,
  number: number,
  importDigest: string,
  { version, spec }: StoredDataset,
): DatasetVersionRow {
  return {
    project,
    name: version.name,
    version: number,
    digest: version.digest,
    source_digest: version.sourceDigest,
    import_digest: importDigest,
    spec: JSON.stringify(spec),
    rows: version.rows,
    run_id: version.runId,
    created_at: version.createdAt,
    checks: JSON.stringify(version.checks),
    profile: JSON.stringify(version.profile),
  }
}

export function fromRow(row: DatasetVersionRow): StoredDataset {
  return {
    version: {
      name: row.name,
      version: String(row.version),
      ref: datasetRef(row.name, row.version),
      rows: row.rows,
      digest: row.digest,
      sourceDigest: row.source_digest,
      runId: row.run_id,
      createdAt: row.created_at,
      checks: z.array(CheckResult).parse(JSON.parse(row.checks)),
      profile: z.array(ColumnProfile).parse(JSON.parse(row.profile)),
    },
    spec: DatasetSpec.parse(JSON.parse(row.spec)),
  }
}
