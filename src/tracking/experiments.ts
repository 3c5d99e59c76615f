import type { Selectable } from 'kysely'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import { groupBy } from '../core/group.ts'
import { assertKey, assertLength, missingError } from '../core/label-key.ts'
import { among } from '../store/among.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Tables } from '../store/schema.ts'
import { searchExperiments, type ExperimentQuery } from './experiment-search.ts'
import { LIMITS } from './limits.ts'
import { experimentLocation } from './locations.ts'

/** A named set of runs. Times are epoch milliseconds. */
export interface Experiment {
  /** Tells it from those of other projects, inside the store. */
  readonly seq: number
  /** 0 is `Default`, which every project has. */
  readonly number: number
  readonly name: string
  readonly createdMs: number
  readonly updatedMs: number
  readonly isDeleted: boolean
  readonly tags: Readonly<Record<string, string>>
}

export interface NewExperiment {
  readonly name: string
  readonly tags?: Readonly<Record<string, string>>
  /** Where its artifacts shall lie: the place that it gets, or INVALID_ARGUMENT. */
  readonly location?: string
}

/** Experiments of the caller's project. */
export interface Experiments {
  /** Throws ALREADY_EXISTS, for the name of a deleted experiment too, and INVALID_ARGUMENT. */
  create(ctx: Context, experiment: NewExperiment): Promise<Experiment>
  /** Throws NOT_FOUND; a deleted one is found. */
  get(ctx: Context, number: number): Promise<Experiment>
  /** The one called so, a deleted one too; made when there is none. Throws INVALID_ARGUMENT. */
  named(ctx: Context, name: string): Promise<Experiment>
  /** Throws NOT_FOUND; a deleted one is found. */
  byName(ctx: Context, name: string): Promise<Experiment>
  /** Experiments that match a filter, a page at a time. Throws INVALID_ARGUMENT naming the part. */
  search(ctx: Context, query: ExperimentQuery): Promise<ExperimentPage>
  /** Throws NOT_FOUND, CONFLICT when it is deleted, ALREADY_EXISTS. */
  rename(ctx: Context, number: number, name: string): Promise<void>
  /** Deletes it with its runs; `restore` takes both back. Throws NOT_FOUND when there is none that is not deleted. */
  remove(ctx: Context, number: number): Promise<void>
  /** Throws NOT_FOUND when there is none that is deleted. */
  restore(ctx: Context, number: number): Promise<void>
  /** Throws NOT_FOUND, CONFLICT when it is deleted, INVALID_ARGUMENT. */
  setTag(ctx: Context, number: number, key: string, value: string): Promise<void>
  /** Throws NOT_FOUND for the experiment or the tag. */
  removeTag(ctx: Context, number: number, key: string): Promise<void>
}

export interface ExperimentPage {
  readonly experiments: readonly Experiment[]
  /** Stays good while experiments come and go; undefined on the last page. */
  readonly nextToken: string | undefined
}

export interface ExperimentsDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
}

function assertLocation(number: number, location: string): void {
  if (location === experimentLocation(number)) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `artifact_location: this server chooses where artifacts lie, leave it out; got ${location.slice(0, 500)}`,
    { field: 'artifact_location' },
  )
}

export const DEFAULT = { number: 0, name: 'Default' } as const

export function createExperiments({ catalog, events, clock }: ExperimentsDeps): Experiments {
  const nowMs = (): number => clock.now().getTime()
  const begun = new Map<string, Promise<void>>()

  /** Every project has its `Default` from the first question on. */
  function begin({ project }: Context): Promise<void> {
    const known = begun.get(project)
    if (known) return known
    const made = catalog.write(async (tx) => {
      const ms = nowMs()
      await tx
        .insertInto('experiments')
        .values({ ...DEFAULT, project, created_ms: ms, updated_ms: ms, deleted_ms: null })
        .onConflict((conflict) => conflict.columns(['project', 'number']).doNothing())
        .execute()
    })
    begun.set(project, made)
    made.catch(() => begun.delete(project))
    return made
  }

  async function tell(tx: Tx, ctx: Context, type: string, { number, name }: Numbered) {
    const subject = { kind: 'experiment', id: String(number) }
    await events.append(tx, ctx, { type, subject, data: { name } })
  }

  async function setDeleted(ctx: Context, number: number, deletedMs: number | null): Promise<void> {
    await begin(ctx)
    await catalog.write(async (tx) => {
      const experiment = await getExperiment(tx, ctx, number)
      if (experiment.isDeleted === (deletedMs !== null)) throw noExperiment(number)
      await tx
        .updateTable('experiments')
        .set({ deleted_ms: deletedMs, updated_ms: nowMs() })
        .where('project', '=', ctx.project)
        .where('number', '=', number)
        .execute()
      await tx
        .updateTable('runs')
        .set({ deleted_ms: deletedMs })
        .where('project', '=', ctx.project)
        .where('experiment', '=', number)
        .where('deleted_ms', deletedMs === null ? 'is not' : 'is', null)
        .execute()
      const type = deletedMs === null ? 'experiment.restored' : 'experiment.deleted'
      await tell(tx, ctx, type, experiment)
    })
  }

  async function create(
    tx: Tx,
    ctx: Context,
    { name, tags = {}, location }: NewExperiment,
  ): Promise<Experiment> {
    await assertFree(tx, ctx, name)
    const ms = nowMs()
    const number = (await newestExperiment(tx, ctx)) + 1
    if (location !== undefined) assertLocation(number, location)
    const row = { project: ctx.project, number, name, created_ms: ms, updated_ms: ms }
    await tx
      .insertInto('experiments')
      .values({ ...row, deleted_ms: null })
      .execute()
    const { seq } = await getExperiment(tx, ctx, number)
    for (const [key, value] of Object.entries(tags)) await putExperimentTag(tx, seq, key, value)
    await tell(tx, ctx, 'experiment.created', { number, name })
    return getExperiment(tx, ctx, number)
  }

  return {
    async create(ctx, experiment) {
      assertName(experiment.name)
      for (const [key, value] of Object.entries(experiment.tags ?? {})) assertTag(key, value)
      await begin(ctx)
      return catalog.write((tx) => create(tx, ctx, experiment))
    },

    async named(ctx, name) {
      assertName(name)
      await begin(ctx)
      const known = await findNamed(catalog.read, ctx, name)
      if (known) return known
      return catalog.write(
        async (tx) => (await findNamed(tx, ctx, name)) ?? create(tx, ctx, { name }),
      )
    },

    async get(ctx, number) {
      await begin(ctx)
      return getExperiment(catalog.read, ctx, number)
    },

    async byName(ctx, name) {
      if (name === '') throw missingError('experiment_name')
      await begin(ctx)
      const found = await findNamed(catalog.read, ctx, name)
      if (!found) throw new GyreError('NOT_FOUND', `no experiment is named ${name}`, { name })
      return found
    },

    async search(ctx, query) {
      await begin(ctx)
      const { numbers, nextToken } = await searchExperiments(catalog.read, ctx, query)
      const rows = await catalog.read
        .selectFrom('experiments')
        .selectAll()
        .where('project', '=', ctx.project)
        .where('number', 'in', among(numbers))
        .execute()
      const byNumber = new Map(
        (await toExperiments(catalog.read, rows)).map((one) => [one.number, one]),
      )
      const experiments = numbers.flatMap((number) => byNumber.get(number) ?? [])
      return { experiments, nextToken }
    },

    async rename(ctx, number, name) {
      assertName(name)
      await begin(ctx)
      await catalog.write(async (tx) => {
        const before = await active(tx, ctx, number)
        if (before.name === name) return
        await assertFree(tx, ctx, name)
        await tx
          .updateTable('experiments')
          .set({ name, updated_ms: nowMs() })
          .where('project', '=', ctx.project)
          .where('number', '=', number)
          .execute()
        await tell(tx, ctx, 'experiment.renamed', { number, name })
      })
    },

    remove: (ctx, number) => setDeleted(ctx, number, nowMs()),
    restore: (ctx, number) => setDeleted(ctx, number, null),

    async setTag(ctx, number, key, value) {
      assertTag(key, value)
      await begin(ctx)
      await catalog.write(async (tx) => {
        const { seq } = await active(tx, ctx, number)
        await putExperimentTag(tx, seq, key, value)
      })
    },

    async removeTag(ctx, number, key) {
      await begin(ctx)
      await catalog.write(async (tx) => {
        const { seq } = await active(tx, ctx, number)
        const { numDeletedRows } = await tx
          .deleteFrom('experiment_tags')
          .where('experiment', '=', seq)
          .where('key', '=', key)
          .executeTakeFirst()
        if (numDeletedRows === 0n)
          throw new GyreError('NOT_FOUND', `experiment ${number} has no tag ${key}`, { key })
      })
    },
  }
}

type Numbered = Pick<Experiment, 'number' | 'name'>

/** Throws NOT_FOUND. */
export async function getExperiment(db: Tx, ctx: Context, number: number): Promise<Experiment> {
  const rows = await db
    .selectFrom('experiments')
    .selectAll()
    .where('project', '=', ctx.project)
    .where('number', '=', number)
    .execute()
  const [experiment] = await toExperiments(db, rows)
  if (!experiment) throw noExperiment(number)
  return experiment
}

/** Experiments in the order of `rows`, with their tags. */
async function toExperiments(
  db: Tx,
  rows: readonly Selectable<Tables['experiments']>[],
): Promise<Experiment[]> {
  if (rows.length === 0) return []
  const seqs = rows.map(({ seq }) => seq)
  const tags = await db
    .selectFrom('experiment_tags')
    .selectAll()
    .where('experiment', 'in', among(seqs))
    .execute()
  const tagsOf = groupBy(tags, ({ experiment }) => experiment)
  return rows.map(({ seq, number, name, created_ms, updated_ms, deleted_ms }) => ({
    seq,
    number,
    name,
    createdMs: created_ms,
    updatedMs: updated_ms,
    isDeleted: deleted_ms !== null,
    tags: Object.fromEntries((tagsOf.get(seq) ?? []).map(({ key, value }) => [key, value])),
  }))
}

/** Throws CONFLICT for a deleted experiment. */
export function assertActive({ number, isDeleted }: Experiment): void {
  if (isDeleted)
    throw new GyreError('CONFLICT', `experiment ${number} is deleted: restore it first`, {
      field: 'experiment_id',
    })
}

/** An experiment that is not deleted. */
async function active(tx: Tx, ctx: Context, number: number): Promise<Experiment> {
  const experiment = await getExperiment(tx, ctx, number)
  assertActive(experiment)
  return experiment
}

function noExperiment(number: number): GyreError {
  return new GyreError('NOT_FOUND', `No Experiment with id=${number} exists`, { number })
}

export async function findExperimentByName(db: Tx, { project }: Context, name: string) {
  return db
    .selectFrom('experiments')
    .select('number')
    .where('project', '=', project)
    .where('name', '=', name)
    .executeTakeFirst()
}

async function findNamed(db: Tx, ctx: Context, name: string): Promise<Experiment | undefined> {
  const row = await findExperimentByName(db, ctx, name)
  return row && getExperiment(db, ctx, row.number)
}

async function assertFree(tx: Tx, ctx: Context, name: string): Promise<void> {
  if (!(await findExperimentByName(tx, ctx, name))) return
  throw new GyreError('ALREADY_EXISTS', `an experiment named ${name} exists already`, { name })
}

/** The greatest number given in the project. */
export async function newestExperiment(tx: Tx, { project }: Context): Promise<number> {
  const row = await tx
    .selectFrom('experiments')
    .select((eb) => eb.fn.max('number').as('number'))
    .where('project', '=', project)
    .executeTakeFirst()
  return row?.number ?? 0
}

/** Sets a tag; `experiment` is the seq of its row. */
export async function putExperimentTag(
  tx: Tx,
  experiment: number,
  key: string,
  value: string,
): Promise<void> {
  await tx
    .insertInto('experiment_tags')
    .values({ experiment, key, value })
    .onConflict((conflict) => conflict.columns(['experiment', 'key']).doUpdateSet({ value }))
    .execute()
}

function assertName(name: string): void {
  if (name === '') throw missingError('name')
  assertLength(name, LIMITS.experimentName, 'name')
}

function assertTag(key: string, value: string): void {
  assertKey(key, 'key')
  assertLength(value, LIMITS.experimentTag, 'value')
}
