import { Json } from '@gyre/sdk/wire/ref'
import { Run, type RunRef } from '@gyre/sdk/wire/run'
import type { Kysely, Selectable } from 'kysely'
import { groupBy } from '../core/group.ts'
import { among } from './among.ts'
import type { Tables } from './schema.ts'

const Environment = Run.shape.environment
const Code = Run.shape.code
const RunErrorOrNull = Run.shape.error
const Status = Run.shape.status

/** The columns that a `Run` is made of. */
export const RUN_COLUMNS = [
  'seq',
  'id',
  'project',
  'kind',
  'name',
  'status',
  'parent_id',
  'experiment',
  'started_at',
  'ended_at',
  'actor',
  'code',
  'environment',
  'error',
  'seed',
] as const satisfies readonly (keyof Tables['runs'])[]

type RunRow = Pick<Selectable<Tables['runs']>, (typeof RUN_COLUMNS)[number]>

/** Runs as their readers see them, in the order of `rows`: four indexed queries however many they are. */
export async function toRuns(db: Kysely<Tables>, rows: readonly RunRow[]): Promise<Run[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const seqs = rows.map((row) => row.seq)
  const [refs, metrics, params, tags] = await Promise.all([
    db.selectFrom('run_refs').selectAll().where('run_id', 'in', ids).orderBy('position').execute(),
    db
      .selectFrom('run_metrics')
      .select(['run', 'key', 'value'])
      .where('run', 'in', among(seqs))
      .execute(),
    db.selectFrom('run_params').selectAll().where('run', 'in', among(seqs)).execute(),
    db.selectFrom('run_tags').selectAll().where('run', 'in', among(seqs)).execute(),
  ])
  const refsOf = groupBy(refs, ({ run_id }) => run_id)
  const metricsOf = groupBy(metrics, ({ run }) => run)
  const paramsOf = groupBy(params, ({ run }) => run)
  const tagsOf = groupBy(tags, ({ run }) => run)
  return rows.map((row) =>
    toRun(row, {
      refs: refsOf.get(row.id) ?? [],
      metrics: metricsOf.get(row.seq) ?? [],
      params: paramsOf.get(row.seq) ?? [],
      tags: tagsOf.get(row.seq) ?? [],
    }),
  )
}

interface Parts {
  readonly refs: readonly Tables['run_refs'][]
  readonly metrics: readonly Pick<Tables['run_metrics'], 'key' | 'value'>[]
  readonly params: readonly Tables['run_params'][]
  readonly tags: readonly Tables['run_tags'][]
}

function toRun(row: RunRow, { refs, metrics, params, tags }: Parts): Run {
  return {
    id: row.id,
    project: row.project,
    kind: row.kind,
    name: row.name,
    status: Status.parse(row.status),
    parentId: row.parent_id,
    experiment: row.experiment === null ? null : String(row.experiment),
    startedAt: row.started_at,
    endedAt: row.ended_at,
    actor: row.actor,
    params: Object.fromEntries(
      params.map(({ key, value, is_json }) => [
        key,
        is_json ? Json.parse(JSON.parse(value)) : value,
      ]),
    ),
    metrics: Object.fromEntries(metrics.map(({ key, value }) => [key, value ?? Number.NaN])),
    tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
    inputs: refs.filter((ref) => ref.direction === 'input').map(toRunRef),
    outputs: refs.filter((ref) => ref.direction === 'output').map(toRunRef),
    code: Code.parse(parseOrNull(row.code)),
    environment: Environment.parse(JSON.parse(row.environment)),
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
