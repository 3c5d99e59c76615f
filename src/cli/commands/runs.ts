import type { GyreClient } from '@gyre/sdk/client'
import { Double, Run } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { showDiff } from '../run/show-diff.ts'
import { compareRuns, comparisonTable, type ComparedRun } from '../run-comparison.ts'
import { describeRun } from '../run-screen.ts'
import { table } from '../table.ts'
import { addRunLogs } from './run-logs.ts'

const Listing = z.object({
  experiment: z.exactOptional(z.string()),
  filter: z.exactOptional(z.string()),
  order: z.exactOptional(z.string()),
  kind: z.exactOptional(z.string()),
  limit: z.string().default('50'),
})

const Json = z.object({ json: z.boolean().default(false) })
const Shown = Json.extend({ diff: z.boolean().default(false) })

/** `gyre runs ls|show|logs|compare` */
export const addRuns: AddCommand = (program) => {
  const runs = program
    .command('runs')
    .description('whatever made something: training, steps, imports')

  withServer(runs.command('ls'))
    .description(
      'runs, newest first; with --experiment, --filter or --order those that clients log',
    )
    .option('--experiment <name>', 'of this experiment, by its name or id')
    .option('--filter <text>', `such as "metrics.auc > 0.9 AND params.lr = '0.1'"`)
    .option('--order <keys>', 'such as "metrics.auc DESC, attributes.start_time"')
    .option('--kind <kind>', 'training, pipeline, step, …; not together with those above')
    .option('--limit <count>', 'how many, 1000 at most (50)')
    .option('--json', 'as JSON')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const reply = z.strictObject({ runs: z.array(Run), next: z.string().nullable() })
        const { order, ...asked } = Listing.parse(options)
        const query = new URLSearchParams({ ...asked, ...(order && { order_by: order }) })
        const found = await client.get(`/api/v1/runs?${query.toString()}`, reply)
        if (asked.kind !== undefined && found.runs.length === 0)
          assertKind(asked.kind, (await client.get('/api/v1/runs?limit=1000', reply)).runs)
        const rows = found.runs.map(({ id, kind, name, status, startedAt, actor }) => [
          id,
          kind,
          name,
          status,
          startedAt,
          actor,
        ])
        console.log(
          Json.parse(options).json
            ? JSON.stringify(z.encode(z.array(Run), found.runs), null, 2)
            : table(['run', 'kind', 'name', 'status', 'started', 'by'], rows),
        )
      }),
    )

  withServer(runs.command('show'))
    .description('a run with its parameters, newest metrics, tags, inputs and outputs')
    .argument('<id>')
    .option('--diff', 'what its code differed in from its commit, as git apply takes it')
    .option('--json', 'as JSON')
    .action((id: string, options: unknown) =>
      withClient(options, async (client) => {
        const run = await client.get(`/api/v1/runs/${encodeURIComponent(id)}`, Run)
        const { json, diff } = Shown.parse(options)
        if (diff) return showDiff(client, run)
        console.log(json ? JSON.stringify(z.encode(Run, run), null, 2) : describeRun(run))
      }),
    )

  addRunLogs(runs)

  withServer(runs.command('compare'))
    .description('parameters, newest metrics, inputs and artifacts of runs beside each other')
    .argument('<ids...>', 'two runs or more')
    .option('--json', 'as JSON')
    .action((ids: readonly string[], options: unknown) =>
      withClient(options, async (client) => {
        if (ids.length < 2)
          throw new GyreError('INVALID_ARGUMENT', 'ids: expected two runs or more, got one', {
            field: 'ids',
          })
        const compared = compareRuns(await Promise.all(ids.map((id) => comparedRun(client, id))))
        const { metrics } = compared
        const wire = { ...compared, metrics: z.encode(Metrics, { ...metrics }) }
        const { json } = Json.parse(options)
        console.log(json ? JSON.stringify(wire, null, 2) : comparisonTable(compared))
      }),
    )
}

/** A kind that no run has is a word misspelt, where there are runs at all. Throws INVALID_ARGUMENT naming those there are. */
function assertKind(kind: string, runs: readonly Run[]): void {
  const kinds = [...new Set(runs.map((run) => run.kind))].toSorted()
  if (kinds.length === 0 || kinds.includes(kind)) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `kind: expected one that a run has (${kinds.join(', ')}), got ${kind}`,
    { field: 'kind' },
  )
}

const Metrics = z.record(z.string(), z.readonly(z.array(Double.nullable())))

const Listed = z.object({
  files: z
    .array(
      z.object({
        path: z.string(),
        is_dir: z.boolean(),
        file_size: z.exactOptional(z.coerce.number()),
      }),
    )
    .default([]),
})

/** A run, and the files at the top of what a client logged to it. */
async function comparedRun(client: GyreClient, id: string): Promise<ComparedRun> {
  const run = await client.get(`/api/v1/runs/${encodeURIComponent(id)}`, Run)
  if (run.experiment === null) return { run, files: {} }
  const path = `/api/2.0/mlflow/artifacts/list?run_id=${encodeURIComponent(id)}`
  const { files } = await client.get(path, Listed)
  const sizes = files.map((file) => [
    file.path,
    file.is_dir ? 'a folder' : `${file.file_size ?? 0} bytes`,
  ])
  return { run, files: Object.fromEntries(sizes) }
}
