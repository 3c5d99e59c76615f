import { Run, type RunRef } from '@gyre/sdk/wire/run'
import type { Kysely, Selectable } from 'kysely'
import type { Tables } from './schema.ts'

const Params = Run.shape.params
const Tags = Run.shape.tags
const Code = Run.shape.code
const RunErrorOrNull = Run.shape.error
const Status = Run.shape.status

/** Runs as their readers see them, in the order of `rows`: three indexed queries however many they are. */
export async function toRuns(
  db: Kysely<Tables>,
  rows: readonly Selectable<Tables['runs']>[],
): Promise<Run[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const [refs, metrics] = await Promise.all([
    db.selectFrom('run_refs').selectAll().where('run_id', 'in', ids).orderBy('position').execute(),
    db.selectFrom('run_metrics').selectAll().where('run_id', 'in', ids).execute(),
  ])
  const refsOf = byRun(refs)
  const metricsOf = byRun(metrics)
  return rows.map((row) => toRun(row, refsOf.get(row.id) ?? [], metricsOf.get(row.id) ?? []))
}

function byRun<T extends { readonly run_id: string }>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const row of rows) {
    const group = groups.get(row.run_id)
    if (group) group.push(row)
    else groups.set(row.run_id, [row])
  }
  return groups
}

function toRun(
  row: Selectable<Tables['runs']>,
  refs: readonly Tables['run_refs'][],
  metrics: readonly Tables['run_metrics'][],
): Run {
  return {
    id: row.id,
    project: row.project,
    kind: row.kind,
    name: row.name,
    status: Status.parse(row.status),
    parentId: row.parent_id,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    actor: row.actor,
    params: Params.parse(JSON.parse(row.params)),
    metrics: Object.fromEntries(metrics.map(({ key, value }) => [key, fromReal(value)])),
    tags: Tags.parse(JSON.parse(row.tags)),
    inputs: refs.filter((ref) => ref.direction === 'input').map(toRunRef),
    outputs: refs.filter((ref) => ref.direction === 'output').map(toRunRef),
    code: Code.parse(parseOrNull(row.code)),
    environment: Tags.parse(JSON.parse(row.environment)),
    error: RunErrorOrNull.parse(parseOrNull(row.error)),
    seed: row.seed,
  }
}

function toRunRef({ ref, role, digest }: Tables['run_refs']): RunRef {
  return { ref, role, ...(digest === null ? {} : { digest }) }
}

function parseOrNull(json: string | null): unknown {
  return json === null ? null : JSON.parse(json)
}

/** SQLite stores NaN as NULL; the infinities it keeps. */
export function toReal(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

export function fromReal(value: number | null): number {
  return value ?? NaN
}
