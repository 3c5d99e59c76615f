import { setTimeout as delay } from 'node:timers/promises'
import { Backfill, PartitionRow } from '@gyre/sdk/wire/partition'
import type { Command } from 'commander'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { readParam } from '../pair.ts'
import { table } from '../table.ts'

/** A backfill is looked at so often while somebody waits for it. */
const LOOK_MS = 500

const Options = z.object({
  from: z.exactOptional(z.string()),
  to: z.exactOptional(z.string()),
  concurrency: z.string().transform(Number),
  missing: z.boolean().default(false),
  failed: z.boolean().default(false),
  stale: z.boolean().default(false),
  all: z.boolean().default(false),
  param: z.array(z.string()).default([]),
})

/** `gyre pipeline backfill|backfills|cancel-backfill|partitions` */
export function addBackfills(
  pipeline: Command,
  { exit }: Pick<Parameters<AddCommand>[1], 'exit'>,
): void {
  withServer(pipeline.command('backfill'))
    .description('run a pipeline for each of its partitions that calls for it, to the end')
    .argument('<name>')
    .option('--from <partition>', 'the first; of all unless told')
    .option('--to <partition>', 'the one behind the last; all that have ended unless told')
    .option('--concurrency <n>', 'runs at the same time', '1')
    .option('--missing', 'partitions without a run, which is the preset')
    .option('--failed', 'those whose newest run failed')
    .option('--stale', 'those that were run as the pipeline was before')
    .option('--all', 'every one, save those under way')
    .option('--param <name=value...>', 'another parameter; the value is JSON or plain text')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const { from, to, concurrency, param, ...flags } = Options.parse(options)
        const path = `/api/v1/pipelines/${encodeURIComponent(name)}/backfills`
        const params = Object.fromEntries(param.map(readParam))
        const request = { from, to, concurrency, params, states: statesOf(flags) }
        let backfill = await client.post(path, request, Backfill)
        let shown = ''
        for (;;) {
          const line = progress(backfill)
          if (line !== shown) console.log(line)
          shown = line
          if (backfill.status !== 'running') break
          await delay(LOOK_MS)
          backfill = await client.get(`/api/v1/backfills/${backfill.id}`, Backfill)
        }
        if (backfill.status !== 'succeeded') exit(1)
      }),
    )

  withServer(pipeline.command('backfills'))
    .description('backfills, newest first')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const shape = z.strictObject({ backfills: z.array(Backfill) })
        const { backfills } = await client.get('/api/v1/backfills', shape)
        const rows = backfills.map(({ id, pipeline: name, status, startedAt, partitions: p }) => [
          id,
          name,
          status,
          `${p.succeeded + p.failed} of ${p.total}`,
          p.failed,
          startedAt,
        ])
        const headings = ['backfill', 'pipeline', 'status', 'partitions', 'failed', 'started']
        console.log(table(headings, rows))
      }),
    )

  withServer(pipeline.command('cancel-backfill'))
    .description('start no further run of a backfill; those under way go on')
    .argument('<backfill>')
    .action((id: string, options: unknown) =>
      withClient(options, async (client) => {
        const path = `/api/v1/backfills/${encodeURIComponent(id)}/cancel`
        console.log(progress(await client.post(path, {}, Backfill)))
      }),
    )

  withServer(pipeline.command('partitions'))
    .description('the partitions of a pipeline, and how the newest run of each went')
    .argument('<name>')
    .option('--from <partition>', 'the first; of all unless told')
    .option('--to <partition>', 'the one behind the last; all that have ended unless told')
    .option('--json', 'as JSON')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const { json, ...bounds } = Bounds.parse(options)
        const query = new URLSearchParams(bounds).toString()
        const path = `/api/v1/pipelines/${encodeURIComponent(name)}/partitions?${query}`
        const shape = z.strictObject({ partitions: z.array(PartitionRow) })
        const { partitions } = await client.get(path, shape)
        if (json) return console.log(JSON.stringify(partitions, null, 2))
        const rows = partitions.map(({ key, state, run }) => [key, state, run])
        console.log(table(['partition', 'state', 'run'], rows))
      }),
    )
}

const Bounds = z.object({
  from: z.exactOptional(z.string()),
  to: z.exactOptional(z.string()),
  json: z.boolean().default(false),
})

function statesOf(flags: Pick<z.infer<typeof Options>, 'missing' | 'failed' | 'stale' | 'all'>) {
  if (flags.all) return ['missing', 'failed', 'stale', 'succeeded']
  const chosen = (['missing', 'failed', 'stale'] as const).filter((state) => flags[state])
  return chosen.length === 0 ? ['missing'] : chosen
}

function progress({ id, pipeline, status, partitions }: Backfill): string {
  const { total, running, succeeded, failed } = partitions
  return `${pipeline} ${id}: ${status}, ${succeeded + failed} of ${total}, ${running} running, ${failed} failed`
}
