import { parse } from 'yaml'
import { z } from 'zod'
import { GyreError } from '../../../core/errors.ts'

const Text = z.union([z.string(), z.number(), z.boolean()]).transform(String)
const Variables = z.record(z.string(), Text)

const Defaults = z.strictObject({ run: z.strictObject({ 'working-directory': z.string() }) })

const Step = z.strictObject({
  name: z.string().optional(),
  id: z.string().optional(),
  if: Text.optional(),
  uses: z.string().optional(),
  with: Variables.optional(),
  run: z.string().optional(),
  env: Variables.optional(),
  'working-directory': z.string().optional(),
})
export type WorkflowStep = z.infer<typeof Step>

const Job = z.strictObject({
  name: z.string().optional(),
  needs: z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]),
  if: Text.optional(),
  'runs-on': z.unknown(),
  environment: z.unknown().optional(),
  permissions: z.unknown().optional(),
  'timeout-minutes': z.number().optional(),
  env: Variables.default({}),
  defaults: Defaults.optional(),
  steps: z.array(Step).min(1),
})
export type WorkflowJob = z.infer<typeof Job>

const Push = z.strictObject({
  branches: z.array(z.string()).optional(),
  paths: z.array(z.string()).optional(),
})

const Workflow = z.strictObject({
  name: z.string().optional(),
  on: z.object({ push: Push.nullable().optional() }),
  permissions: z.unknown().optional(),
  concurrency: z.unknown().optional(),
  env: Variables.default({}),
  defaults: Defaults.optional(),
  jobs: z.record(z.string(), Job),
})

/** The part of GitHub's workflow syntax that can be run on one machine: jobs of steps, without matrices and services. */
export type Workflow = z.infer<typeof Workflow>

/** Throws INVALID_ARGUMENT naming the member that is wrong, or that this machine cannot honour. */
export function readWorkflow(text: string, path: string): Workflow {
  const refuse = (reason: string, cause?: unknown) =>
    new GyreError('INVALID_ARGUMENT', `${path}: ${reason}`, { path }, cause)
  let data: unknown
  try {
    data = parse(text)
  } catch (thrown) {
    throw refuse(thrown instanceof Error ? thrown.message : String(thrown), thrown)
  }
  const read = Workflow.safeParse(data)
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw refuse(`${issue?.path.join('.') || 'the workflow'}: ${issue?.message ?? 'cannot be read'}`)
}

/** The names of the jobs, each after those it needs. Throws INVALID_ARGUMENT for one that needs itself or no job. */
export function orderJobs(jobs: Workflow['jobs']): readonly string[] {
  const order: string[] = []
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name))
      throw new GyreError(
        'INVALID_ARGUMENT',
        `jobs.${name}.needs: needs itself (${[...path, name].join(' → ')})`,
        { field: `jobs.${name}.needs` },
      )
    if (order.includes(name)) return
    for (const needed of jobs[name]?.needs ?? []) {
      if (!Object.hasOwn(jobs, needed))
        throw new GyreError('INVALID_ARGUMENT', `jobs.${name}.needs: there is no job ${needed}`, {
          field: `jobs.${name}.needs`,
        })
      visit(needed, [...path, name])
    }
    order.push(name)
  }
  for (const name of Object.keys(jobs)) visit(name, [])
  return order
}
