import { z } from 'zod'
import type { FoundIssue } from '../../traces/issue-search.ts'
import type { Issue } from '../../traces/issue.ts'
import { ExperimentId } from './experiments.ts'
import { defineMlflow, type Call, type MlflowRoute } from './route.ts'
import { Bool, Int32, repeated, Required, some } from './wire.ts'

const PATH = '/mlflow/issues'

function issueOf({ params }: Call): string {
  return params['issue_id'] ?? ''
}

const Status = z.enum(['pending', 'rejected', 'resolved'])
const Severity = z.enum(['not_an_issue', 'low', 'medium', 'high'])

/** Protobuf cannot tell an empty text from none. */
const Text = z
  .string()
  .transform((text) => text || undefined)
  .optional()

const create = defineMlflow({
  method: 'POST',
  path: PATH,
  versions: ['3.0'],
  summary: 'Tell of a fault that traces show',
  scope: 'write',
  input: z.object({
    experiment_id: ExperimentId,
    name: Required,
    description: Required,
    status: Status.default('pending'),
    severity: Severity.optional(),
    root_causes: repeated(z.string()),
    categories: repeated(z.string()),
    source_run_id: Text,
    created_by: Text,
  }),
  async handle({ traces }, ctx, given) {
    const issue = await traces.issues.create(ctx, {
      experiment: given.experiment_id,
      name: given.name,
      description: given.description,
      status: given.status,
      severity: given.severity,
      rootCauses: given.root_causes,
      categories: given.categories,
      sourceRun: given.source_run_id,
      createdBy: given.created_by,
    })
    return { issue: issueOut(issue) }
  },
})

const get = defineMlflow({
  method: 'GET',
  path: `${PATH}/{issue_id}`,
  versions: ['3.0'],
  summary: 'A fault that traces show',
  scope: 'read',
  input: z.object({}),
  handle: async ({ traces }, ctx, _input, call) => ({
    issue: issueOut(await traces.issues.get(ctx, issueOf(call))),
  }),
})

const update = defineMlflow({
  method: 'PATCH',
  path: `${PATH}/{issue_id}`,
  versions: ['3.0'],
  summary: 'Change what is said of a fault',
  scope: 'write',
  input: z.object({
    status: Status.optional(),
    severity: Severity.optional(),
    name: Text,
    description: Text,
  }),
  handle: async ({ traces }, ctx, input, call) => ({
    issue: issueOut(await traces.issues.update(ctx, issueOf(call), input)),
  }),
})

const search = defineMlflow({
  method: 'POST',
  path: `${PATH}/search`,
  versions: ['3.0'],
  summary: 'Faults, the severest first, a page at a time',
  scope: 'read',
  input: z.object({
    experiment_id: z.preprocess((given) => given || undefined, ExperimentId.optional()),
    filter_string: z.string().optional(),
    max_results: Int32.min(1, 'expected 1 or more')
      .max(50_000, 'expected at most 50000')
      .default(100),
    page_token: z.string().optional(),
    include_trace_count: Bool.default(false),
  }),
  async handle({ traces }, ctx, given) {
    const { issues, nextToken } = await traces.issues.search(ctx, {
      experiment: given.experiment_id,
      filter: given.filter_string,
      limit: given.max_results,
      pageToken: given.page_token,
      counted: given.include_trace_count,
    })
    return { issues: some(issues.map(foundOut)), next_page_token: nextToken ?? '' }
  },
})

export const issueRoutes: readonly MlflowRoute[] = [search, create, get, update]

function foundOut(issue: FoundIssue): object {
  return { ...issueOut(issue), trace_count: issue.traces }
}

function issueOut(issue: Issue): object {
  return {
    issue_id: issue.id,
    experiment_id: String(issue.experiment),
    name: issue.name,
    description: issue.description,
    status: issue.status,
    severity: issue.severity,
    root_causes: some(issue.rootCauses),
    source_run_id: issue.sourceRun,
    created_timestamp: issue.createdMs,
    last_updated_timestamp: issue.updatedMs,
    created_by: issue.createdBy,
    categories: some(issue.categories),
  }
}
