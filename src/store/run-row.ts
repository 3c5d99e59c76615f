import { Json } from '@gyre/sdk/wire/ref'
import { Run, type RunRef } from '@gyre/sdk/wire/run'
import type { Kysely, Selectable } from 'kysely'
import { groupBy } from '../core/group.ts'
import { among } from './among.ts'
import { codeOfTags, environmentOfTags, seedOfParams } from './client-facts.ts'
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

function toRun(row: RunRow, { refs, metrics, params: cells, tags: labels }: Parts): Run {
  const params = Object.fromEntries(
    cells.map(({ key, value, is_json }) => [key, is_json ? Json.parse(JSON.parse(value)) : value]),
  )
  const tags = new Map(labels.map(({ key, value }) => [key, value]))
  const code = Code.parse(parseOrNull(row.code))
  const environment = Environment.parse(JSON.parse(row.environment))
  // Clients have tags and parameters alone to tell in what Gyre knows of the runs that it starts.
  const facts =
    row.experiment === null || code !== null
      ? { code, environment, seed: row.seed }
      : {
          code: codeOfTags(tags),
          environment: { ...environmentOfTags(tags), ...environment },
          seed: row.seed ?? seedOfParams(params),
        }
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
    params,
    metrics: Object.fromEntries(metrics.map(({ key, value }) => [key, value ?? Number.NaN])),
    tags: Object.fromEntries(tags),
    inputs: refs.filter((ref) => ref.direction === 'input').map(toRunRef),
    outputs: refs.filter((ref) => ref.direction === 'output').map(toRunRef),
    error: RunErrorOrNull.parse(parseOrNull(row.error)),
    ...facts,
  }
}

function toRunRef({ ref, role, digest }: Tables['run_refs']): RunRef {
  return { ref, role, ...(digest === null ? {} : { digest }) }
}

function parseOrNull(json: string | null): unknown {
  return json === null ? null : JSON.parse(json)
}
