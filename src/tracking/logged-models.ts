import { randomBytes } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { assertLength } from '../core/label-key.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { assertActive, getExperiment, type Experiments } from './experiments.ts'
import {
  modelPlaceOf,
  noModel,
  readModels,
  type LoggedModel,
  type ModelStatus,
} from './logged-model.ts'
import { searchModels, type ModelQuery } from './logged-model-search.ts'
import { runName } from './run-names.ts'
import type { Label } from './tracked-run.ts'

export interface NewLoggedModel {
  readonly experiment: number
  /** One is made up when it is empty. */
  readonly name: string
  readonly modelType: string
  /** The id of a run, of this server or not. */
  readonly sourceRun: string
  readonly params: readonly Label[]
  readonly tags: readonly Label[]
}

export interface ModelPage {
  readonly models: readonly LoggedModel[]
  /** Stays good while models come and go; undefined on the last page. */
  readonly nextToken: string | undefined
}

/** Models that clients log, of the caller's project. All but `create` and `search` throw NOT_FOUND. */
export interface LoggedModels {
  /** Throws NOT_FOUND for the experiment, CONFLICT when it is deleted, INVALID_ARGUMENT. */
  create(ctx: Context, model: NewLoggedModel): Promise<LoggedModel>
  /** A deleted one is not found, unless it is asked for. */
  get(ctx: Context, id: string, allowDeleted?: boolean): Promise<LoggedModel>
  /** Says whether all of its files are there. The verbs below take deleted models too. */
  finalize(ctx: Context, id: string, status: ModelStatus): Promise<LoggedModel>
  remove(ctx: Context, id: string): Promise<void>
  setTags(ctx: Context, id: string, tags: readonly Label[]): Promise<void>
  /** Throws NOT_FOUND for the tag too. */
  removeTag(ctx: Context, id: string, key: string): Promise<void>
  /** The same value again changes nothing. Throws INVALID_ARGUMENT for another one. */
  logParams(ctx: Context, id: string, params: readonly Label[]): Promise<void>
  /** Models that match and are not deleted, a page at a time. Throws INVALID_ARGUMENT naming the part. */
  search(ctx: Context, query: ModelQuery): Promise<ModelPage>
}

export interface LoggedModelsDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly random: Random
  readonly experiments: Experiments
}

/** In MLflow's SQL stores, in characters. */
const MAX_NAME_CHARS = 500

export function createLoggedModels(deps: LoggedModelsDeps): LoggedModels {
  const { catalog, events, clock, random, experiments } = deps
  const nowMs = (): number => clock.now().getTime()

  async function tell(tx: Tx, ctx: Context, type: string, id: string, data = {}): Promise<void> {
    await events.append(tx, ctx, { type, subject: { kind: 'logged-model', id }, data })
  }

  return {
    async create(ctx, { experiment, name: given, modelType, sourceRun, params, tags }) {
      const name = given === '' ? runName(random) : given
      assertName(name)
      await experiments.get(ctx, experiment)
      const id = `m-${randomBytes(16).toString('hex')}`
      await catalog.write(async (tx) => {
        assertActive(await getExperiment(tx, ctx, experiment))
        const ms = nowMs()
        const { seq } = await tx
          .insertInto('logged_models')
          .values({
            project: ctx.project,
            id,
            experiment,
            name,
            model_type: modelType,
            status: 'PENDING',
            source_run: sourceRun,
            created_ms: ms,
            updated_ms: ms,
            deleted_ms: null,
          })
          .returning('seq')
          .executeTakeFirstOrThrow()
        await addParams(tx, seq, params)
        await putTags(tx, seq, tags)
        await tell(tx, ctx, 'logged-model.created', id, { name, experiment })
      })
      return getModel(catalog.read, ctx, id, false)
    },

    get: (ctx, id, allowDeleted = false) => getModel(catalog.read, ctx, id, allowDeleted),

    async finalize(ctx, id, status) {
      await catalog.write(async (tx) => {
        const { seq } = await modelPlaceOf(tx, ctx, id)
        await tx
          .updateTable('logged_models')
          .set({ status, updated_ms: nowMs() })
          .where('seq', '=', seq)
          .execute()
        await tell(tx, ctx, 'logged-model.finalized', id, { status })
      })
      return getModel(catalog.read, ctx, id, true)
    },

    remove: (ctx, id) =>
      catalog.write(async (tx) => {
        const { seq, isDeleted } = await modelPlaceOf(tx, ctx, id)
        if (isDeleted) return
        const ms = nowMs()
        await tx
          .updateTable('logged_models')
          .set({ deleted_ms: ms, updated_ms: ms })
          .where('seq', '=', seq)
          .execute()
        await tell(tx, ctx, 'logged-model.deleted', id)
      }),

    setTags: (ctx, id, tags) =>
      catalog.write(async (tx) => {
        const { seq } = await modelPlaceOf(tx, ctx, id)
        await putTags(tx, seq, tags)
      }),

    removeTag: (ctx, id, key) =>
      catalog.write(async (tx) => {
        const { seq } = await modelPlaceOf(tx, ctx, id)
        const { numDeletedRows } = await tx
          .deleteFrom('logged_model_tags')
          .where('model', '=', seq)
          .where('key', '=', key)
          .executeTakeFirst()
        if (numDeletedRows === 0n)
          throw new GyreError('NOT_FOUND', `No tag with key '${key}' found for model '${id}'.`, {
            key,
          })
      }),

    logParams: (ctx, id, params) =>
      catalog.write(async (tx) => {
        const { seq } = await modelPlaceOf(tx, ctx, id)
        await addParams(tx, seq, params)
      }),

    async search(ctx, query) {
      const { seqs, nextToken } = await searchModels(catalog.read, ctx, query)
      return { models: await readModels(catalog.read, seqs), nextToken }
    },
  }
}

async function getModel(
  db: Tx,
  ctx: Context,
  id: string,
  allowDeleted: boolean,
): Promise<LoggedModel> {
  const { seq, isDeleted } = await modelPlaceOf(db, ctx, id)
  const [model] = isDeleted && !allowDeleted ? [] : await readModels(db, [seq])
  if (!model) throw noModel(id)
  return model
}

/** The name is a part of `models:/` and `runs:/` URIs, where these would mean something. */
const RESERVED = /[/:.%"']/

function assertName(name: string): void {
  assertLength(name, MAX_NAME_CHARS, 'name')
  if (!RESERVED.test(name)) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `Invalid model name (${JSON.stringify(name)}) provided. Model name must be a non-empty string and cannot contain the following characters: / : . % " '`,
    { field: 'name' },
  )
}

async function addParams(tx: Tx, model: number, params: readonly Label[]): Promise<void> {
  for (const { key, value } of params) {
    const known = await tx
      .selectFrom('logged_model_params')
      .select('value')
      .where('model', '=', model)
      .where('key', '=', key)
      .executeTakeFirst()
    if (!known) await tx.insertInto('logged_model_params').values({ model, key, value }).execute()
    else if (known.value !== value)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `params: ${key} is ${JSON.stringify(known.value)} and cannot become ${JSON.stringify(value)}`,
        { field: 'params', key },
      )
  }
}

async function putTags(tx: Tx, model: number, tags: readonly Label[]): Promise<void> {
  // The last of equal keys counts; SQLite refuses to update one row twice in a statement.
  const rows = [...new Map(tags.map(({ key, value }) => [key, { model, key, value }])).values()]
  if (rows.length === 0) return
  await tx
    .insertInto('logged_model_tags')
    .values(rows)
    .onConflict((conflict) =>
      conflict.columns(['model', 'key']).doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })),
    )
    .execute()
}
