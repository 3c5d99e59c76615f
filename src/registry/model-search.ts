import type { ModelVersion, RegisteredModel } from '@gyre/sdk/wire/model'
import { sql, type RawBuilder, type Selectable, type SqlBool } from 'kysely'
import type { Context } from '../core/context.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import type { ColumnPlan } from '../store/search/column-plan.ts'
import type { Clause } from '../store/search/filter-clause.ts'
import { parseFilter } from '../store/search/filter-parser.ts'
import { filterSql } from '../store/search/filter-sql.ts'
import { createKeyset, type Keyset } from '../store/search/keyset.ts'
import { parseOrderBy } from '../store/search/order-by.ts'
import { orderSql } from '../store/search/order-sql.ts'
import { MODEL_VERSIONS, REGISTERED_MODELS, type Dialect } from '../store/search/search-dialect.ts'
import { PROMPT_TAG } from './model-tag.ts'
import { toModels } from './registered-model.ts'
import { toVersions } from './version-row.ts'

/** Texts in MLflow's language (docs/guides/search.md). */
export interface ModelQuery {
  readonly filter?: string
  readonly orderBy?: readonly string[]
  readonly limit: number
  readonly pageToken?: string
}

export interface ModelPage {
  readonly models: readonly RegisteredModel[]
  readonly nextToken?: string
}

export interface VersionPage {
  readonly versions: readonly ModelVersion[]
  readonly nextToken?: string
}

/** What a search is over: a table whose rows have a `seq`, and the table of their tags. */
interface Subject {
  readonly table: 'registered_models' | 'model_versions'
  readonly tags: 'registered_model_tags' | 'model_version_tags'
  /** The column of `tags` that refers to `table`. */
  readonly owner: 'model' | 'version'
  readonly dialect: Dialect
  readonly attributes: Readonly<Record<string, RawBuilder<unknown>>>
}

const MODELS: Subject = {
  table: 'registered_models',
  tags: 'registered_model_tags',
  owner: 'model',
  dialect: REGISTERED_MODELS,
  attributes: {
    name: sql.ref('registered_models.name'),
    last_updated_timestamp: sql.ref('registered_models.updated_ms'),
  },
}

const VERSIONS: Subject = {
  table: 'model_versions',
  tags: 'model_version_tags',
  owner: 'version',
  dialect: MODEL_VERSIONS,
  attributes: {
    name: sql.ref('model_versions.name'),
    version_number: sql.ref('model_versions.version'),
    // MLflow keeps a version without a run under an empty id.
    run_id: sql`coalesce(${sql.ref('model_versions.run_id')}, '')`,
    source_path: sql.ref('model_versions.source'),
    creation_timestamp: sql.ref('model_versions.created_ms'),
    last_updated_timestamp: sql.ref('model_versions.updated_ms'),
  },
}

/** The registered models that match, a page at a time. Throws INVALID_ARGUMENT naming the part. */
export async function searchModels(db: Tx, ctx: Context, query: ModelQuery): Promise<ModelPage> {
  const { select, keyset } = prepare(ctx, MODELS, query)
  const { rows } = await sql<Found<'registered_models'>>`${select}`.execute(db)
  const page = keyset.page(rows, query.limit)
  return { ...nextOf(page), models: await toModels(db, ctx, page.rows) }
}

/** The versions that match, a page at a time. Throws INVALID_ARGUMENT naming the part. */
export async function searchVersions(
  db: Tx,
  ctx: Context,
  query: ModelQuery,
): Promise<VersionPage> {
  const { select, keyset } = prepare(ctx, VERSIONS, query)
  const { rows } = await sql<Found<'model_versions'>>`${select}`.execute(db)
  const page = keyset.page(rows, query.limit)
  return { ...nextOf(page), versions: await toVersions(db, ctx, page.rows) }
}

/** A row of a table, with its sort values. */
type Found<Table extends Subject['table']> = Selectable<Tables[Table]> &
  Readonly<Record<string, unknown>>

function prepare(
  { project }: Context,
  subject: Subject,
  { filter = '', orderBy = [], limit, pageToken }: ModelQuery,
): { readonly select: RawBuilder<unknown>; readonly keyset: Keyset } {
  const { table, dialect } = subject
  const plan = planOf(subject)
  const { joins, keys } = orderSql(parseOrderBy(orderBy, dialect), plan, dialect)
  const keyset = createKeyset(keys, { of: table, project, filter })
  const { clauses } = parseFilter(filter, dialect)
  const asked = clauses.filter((clause) => !isPromptClause(clause))
  const matches = clauses.some(asksForPrompts)
    ? filterSql(clauses, plan)
    : sql<SqlBool>`${filterSql(asked, plan)} AND ${noPrompt(subject, project)}`
  const select = sql`
    SELECT ${sql.table(table)}.*, ${sql.join(keyset.columns)} FROM ${sql.table(table)} ${joins}
    WHERE ${sql.ref(`${table}.project`)} = ${project} AND ${sql.ref(`${table}.deleted_ms`)} IS NULL
      AND ${matches} AND ${keyset.after(pageToken)}
    ORDER BY ${keyset.orderBy} LIMIT ${limit + 1}`
  return { select, keyset }
}

function planOf({ table, tags, owner, dialect, attributes }: Subject): ColumnPlan {
  return {
    row: sql.ref(`${table}.seq`),
    reach(entity, key) {
      if (entity === 'tag') return { in: 'table', table: tags, owner, key: 'key', value: 'value' }
      const column = attributes[key]
      if (!column) throw new RangeError(`${dialect.kind} have no ${entity} ${key}`)
      return { in: 'row', column }
    },
  }
}

function isPromptClause({ entity, key }: Clause): boolean {
  return entity === 'tag' && key === PROMPT_TAG
}

/** As MLflow reads it: prompts are found by those alone who ask for them. */
function asksForPrompts(clause: Clause): boolean {
  if (!isPromptClause(clause)) return false
  if (clause.operator === '=') return String(clause.value).toLowerCase() === 'true'
  return clause.operator === '!=' && String(clause.value).toLowerCase() === 'false'
}

/** A name with anything on it that says it is a prompt. */
function noPrompt({ table, tags, owner }: Subject, project: string): RawBuilder<SqlBool> {
  return sql`${sql.ref(`${table}.name`)} NOT IN (
    SELECT marked.name FROM ${sql.table(tags)} AS tag
    JOIN ${sql.table(table)} AS marked ON marked.seq = ${sql.ref(`tag.${owner}`)}
    WHERE tag.key = ${PROMPT_TAG} AND tag.value = 'true' AND marked.project = ${project})`
}

function nextOf({ nextToken }: { readonly nextToken?: string }): { readonly nextToken?: string } {
  return nextToken === undefined ? {} : { nextToken }
}
