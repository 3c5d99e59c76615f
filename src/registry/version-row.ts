import { GateRef, Metrics } from '@gyre/sdk/wire/gate'
import type { Approval, ModelVersion } from '@gyre/sdk/wire/model'
import type { Selectable } from 'kysely'
import { z } from 'zod'
import type { Context } from '../core/context.ts'
import { groupBy } from '../core/group.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import { modelRef, type VersionKey } from './version-key.ts'

const GateRefs = z.array(GateRef)

type VersionRow = Selectable<Tables['model_versions']>

/** Rows whose parts are read together: well below the 32,766 parameters that a statement of SQLite may have. */
const ROWS_AT_ONCE = 500

/** Versions as their readers see them, in the order of `rows`: three indexed queries for every 500. */
export async function toVersions(
  db: Tx,
  ctx: Context,
  rows: readonly VersionRow[],
): Promise<ModelVersion[]> {
  const versions: ModelVersion[] = []
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE)
    versions.push(...(await withParts(db, ctx, rows.slice(at, at + ROWS_AT_ONCE))))
  return versions
}

async function withParts(
  db: Tx,
  { project }: Context,
  rows: readonly VersionRow[],
): Promise<ModelVersion[]> {
  const names = [...new Set(rows.map(({ name }) => name))]
  const numbers = rows.map(({ version }) => version)
  const [from, to] = [Math.min(...numbers), Math.max(...numbers)]
  const aliases = await db
    .selectFrom('model_aliases')
    .selectAll()
    .where('project', '=', project)
    .where('name', 'in', names)
    .where('version', '>=', from)
    .where('version', '<=', to)
    .orderBy('alias')
    .execute()
  const approvals = await db
    .selectFrom('model_approvals')
    .selectAll()
    .where('project', '=', project)
    .where('name', 'in', names)
    .where('version', '>=', from)
    .where('version', '<=', to)
    .orderBy('seq')
    .execute()
  const tags = await db
    .selectFrom('model_version_tags')
    .selectAll()
    .where(
      'version',
      'in',
      rows.map(({ seq }) => seq),
    )
    .orderBy('key')
    .execute()
  const [aliasesOf, approvalsOf, tagsOf] = [
    groupBy(aliases, modelRef),
    groupBy(approvals, modelRef),
    groupBy(tags, ({ version }) => version),
  ]
  return rows.map((row) => {
    const ref = modelRef(row)
    return toVersion(row, {
      aliases: aliasesOf.get(ref) ?? [],
      approvals: approvalsOf.get(ref) ?? [],
      tags: tagsOf.get(row.seq) ?? [],
    })
  })
}

interface Parts {
  readonly aliases: readonly (VersionKey & { readonly alias: string })[]
  readonly approvals: readonly Selectable<Tables['model_approvals']>[]
  readonly tags: readonly { readonly key: string; readonly value: string }[]
}

function toApproval({
  actor,
  decision,
  note,
  at,
  gates,
}: Selectable<Tables['model_approvals']>): Approval {
  return {
    actor,
    decision,
    note,
    at,
    gates: gates === null ? null : GateRefs.parse(JSON.parse(gates)),
  }
}

function toVersion(row: VersionRow, { aliases, approvals, tags }: Parts): ModelVersion {
  return {
    name: row.name,
    version: String(row.version),
    ref: modelRef(row),
    digest: row.digest,
    source: row.source,
    stage: row.stage,
    aliases: aliases.map(({ alias }) => alias),
    approvals: approvals.map(toApproval),
    metrics: Metrics.parse(JSON.parse(row.metrics)),
    runId: row.run_id,
    modelId: row.model_id,
    runLink: row.run_link,
    description: row.description,
    createdAt: new Date(row.created_ms).toISOString(),
    createdBy: row.created_by,
    updatedAt: new Date(row.updated_ms).toISOString(),
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
  }
}
