import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import {
  issueCells,
  toIssue,
  type Issue,
  type IssueSeverity,
  type IssueStatus,
  type NewIssue,
} from './issue.ts'
import { searchIssues, type IssuePage, type IssueQuery } from './issue-search.ts'

/** Members left out stay. */
export interface IssueChange {
  readonly status?: IssueStatus | undefined
  readonly severity?: IssueSeverity | undefined
  readonly name?: string | undefined
  readonly description?: string | undefined
}

/** Known faults of the caller's project. */
export interface Issues {
  /** Throws NOT_FOUND for the experiment, CONFLICT when it is deleted. */
  create(ctx: Context, given: NewIssue): Promise<Issue>
  /** Throws NOT_FOUND. */
  get(ctx: Context, id: string): Promise<Issue>
  /** Throws NOT_FOUND. */
  update(ctx: Context, id: string, change: IssueChange): Promise<Issue>
  /** Throws INVALID_ARGUMENT naming the part. */
  search(ctx: Context, query: IssueQuery): Promise<IssuePage>
}

export interface IssuesDeps {
  readonly catalog: Catalog
  readonly clock: Clock
  readonly assertExperiment: (ctx: Context, number: number) => Promise<void>
}

export function createIssues({ catalog, clock, assertExperiment }: IssuesDeps): Issues {
  const nowMs = (): number => clock.now().getTime()

  return {
    async create(ctx, given) {
      await assertExperiment(ctx, given.experiment)
      const cells = issueCells(ctx, given, nowMs())
      return catalog.write(async (tx) => {
        await tx.insertInto('issues').values(cells).execute()
        return getIssue(tx, ctx, cells.id)
      })
    },

    get: (ctx, id) => getIssue(catalog.read, ctx, id),

    async update(ctx, id, { status, severity, name, description }) {
      return catalog.write(async (tx) => {
        await tx
          .updateTable('issues')
          .set({
            ...(status === undefined ? {} : { status }),
            ...(severity === undefined ? {} : { severity }),
            ...(name === undefined ? {} : { name }),
            ...(description === undefined ? {} : { description }),
            updated_ms: nowMs(),
          })
          .where('project', '=', ctx.project)
          .where('id', '=', id)
          .execute()
        return getIssue(tx, ctx, id)
      })
    },

    search: (ctx, query) => searchIssues(catalog.read, ctx, query),
  }
}

async function getIssue(db: Tx, { project }: Context, id: string): Promise<Issue> {
  const row = await db
    .selectFrom('issues')
    .selectAll()
    .where('project', '=', project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `Issue with ID '${id}' not found`, { issue: id })
  return toIssue(row)
}
