import type { GyreClient } from '@gyre/sdk/client'
import { PipelineRun, type ItemCounts, type StepRun } from '@gyre/sdk/wire/pipeline'
import type { Resources } from '@gyre/sdk/wire/resources'
import { StepItems } from '@gyre/sdk/wire/step'
import { z } from 'zod'
import { ERRORS } from '../../core/errors.ts'
import { sizeText } from '../../core/size-text.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { failureLine } from '../failure-line.ts'
import { oneLine } from '../one-line.ts'
import { readParam } from '../pair.ts'
import { refusalsOf } from '../refusals.ts'
import { addBackfills } from './backfill.ts'
import { table } from '../table.ts'

const ItemOptions = z.object({
  state: z.exactOptional(z.string()),
  after: z.exactOptional(z.string()),
  limit: z.string(),
  json: z.boolean().default(false),
})

const EndOptions = z.object({
  json: z.boolean().default(false),
  failOnRefusal: z.boolean().default(false),
})

/** `gyre pipeline run|resume|ls|show|items|cancel` */
export const addPipeline: AddCommand = (program, { exit }) => {
  const pipeline = program.command('pipeline').description('pipelines and their runs')

  /** Whoever interrupts the command does not end the run. */
  async function awaitEnd(client: GyreClient, id: string, options: unknown): Promise<void> {
    const { json, failOnRefusal } = EndOptions.parse(options)
    // For whoever waits before it; a script that went well says nothing here.
    if (process.stderr.isTTY) process.stderr.write(`${id} has begun\n`)
    const leave = (): void => {
      process.stderr.write(
        `\n${id} goes on: follow it with gyre pipeline show ${id}, end it with gyre pipeline cancel ${id}\n`,
      )
      process.exit(ERRORS.CANCELLED.exit)
    }
    process.once('SIGINT', leave)
    try {
      const ended = await client.get(`/api/v1/pipeline-runs/${id}?wait=true`, PipelineRun)
      if (json) console.log(jsonOf(ended))
      else print(ended)
      if (ended.status !== 'succeeded' || (failOnRefusal && refusalsOf(ended).length > 0)) exit(1)
    } finally {
      process.off('SIGINT', leave)
    }
  }

  withServer(pipeline.command('run'))
    .description('run a pipeline to its end')
    .argument('<name>')
    .option('--param <name=value...>', 'a parameter; the value is JSON or plain text')
    .option('--json', 'the ended run as JSON, with the gates that refused')
    .option('--fail-on-refusal', 'end with 1 when a gate refused, though the run succeeded')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const path = `/api/v1/pipelines/${encodeURIComponent(name)}/runs`
        const started = await client.post(path, { params: paramsOf(options) }, PipelineRun)
        await awaitEnd(client, started.id, options)
      }),
    )

  withServer(pipeline.command('resume'))
    .description('execute an ended run from a step on, as a new run with the code applied now')
    .argument('<run>')
    .option('--from <step>', 'with all that reads from it; what did not succeed unless told')
    .option('--param <name=value...>', 'another value of a parameter that no kept step has read')
    .option('--json', 'the ended run as JSON, with the gates that refused')
    .option('--fail-on-refusal', 'end with 1 when a gate refused, though the run succeeded')
    .action((run: string, options: unknown) =>
      withClient(options, async (client) => {
        const { from } = z.object({ from: z.exactOptional(z.string()) }).parse(options)
        const path = `/api/v1/pipeline-runs/${encodeURIComponent(run)}/resume`
        const body = { params: paramsOf(options), ...(from !== undefined && { from }) }
        await awaitEnd(client, (await client.post(path, body, PipelineRun)).id, options)
      }),
    )

  withServer(pipeline.command('ls'))
    .description('runs, newest first')
    .option('--limit <count>', 'how many, 200 at most (20)')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const { limit } = z.object({ limit: z.string().default('20') }).parse(options)
        const { runs } = await client.get(
          `/api/v1/pipeline-runs?${new URLSearchParams({ limit }).toString()}`,
          z.strictObject({ runs: z.array(PipelineRun) }),
        )
        const rows = runs.map((run) => [
          run.id,
          run.pipeline,
          run.status,
          run.startedAt,
          run.trigger ?? '',
        ])
        console.log(table(['run', 'pipeline', 'status', 'started', 'trigger'], rows))
      }),
    )

  addBackfills(pipeline, { exit })

  withServer(pipeline.command('items'))
    .description('the items of a step that is done for each of a list')
    .argument('<run>')
    .argument('<step>')
    .option('--state <state>', 'pending, leased, succeeded or failed; all of them unless told')
    .option('--after <item>', 'those behind this one')
    .option('--limit <n>', 'so many at most', '100')
    .option('--json', 'as JSON')
    .action((run: string, step: string, options: unknown) =>
      withClient(options, async (client) => {
        const { json, ...page } = ItemOptions.parse(options)
        const query = new URLSearchParams(page)
        const at = `${encodeURIComponent(run)}/steps/${encodeURIComponent(step)}/items`
        const items = await client.get(`/api/v1/pipeline-runs/${at}?${query.toString()}`, StepItems)
        if (json) console.log(JSON.stringify(items, null, 2))
        else printItems(items)
      }),
    )

  withServer(pipeline.command('show'))
    .description('a run and its steps')
    .argument('<run>')
    .option('--json', 'as JSON, with the gates that refused')
    .action((id: string, options: unknown) =>
      withClient(options, async (client) => {
        const path = `/api/v1/pipeline-runs/${encodeURIComponent(id)}`
        const run = await client.get(path, PipelineRun)
        if (EndOptions.parse(options).json) console.log(jsonOf(run))
        else print(run)
      }),
    )

  withServer(pipeline.command('cancel'))
    .description('end a run: what it has under way, and all that would follow')
    .argument('<run>')
    .action((run: string, options: unknown) =>
      withClient(options, async (client) => {
        const path = `/api/v1/pipeline-runs/${encodeURIComponent(run)}`
        await client.post(`${path}/cancel`, undefined, PipelineRun)
        print(await client.get(`${path}?wait=true`, PipelineRun))
      }),
    )
}

function paramsOf(options: unknown): Record<string, unknown> {
  const { param } = z.object({ param: z.array(z.string()).default([]) }).parse(options)
  return Object.fromEntries(param.map(readParam))
}

/** As the server tells it, and `refused`: what gates had against their candidates. */
function jsonOf(run: PipelineRun): string {
  return JSON.stringify({ ...run, refused: refusalsOf(run) }, null, 2)
}

function print(run: PipelineRun): void {
  const by = run.cancelled ? `, cancelled by ${oneLine(run.cancelled.by)}` : ''
  const since = run.resumes === null ? '' : `, resumes ${run.resumes}`
  console.log(`${run.pipeline} ${run.id}: ${run.status}${by}${since}`)
  const asks = run.steps.some(({ resources }) => resources !== null)
  const rows = run.steps.map((step) => [
    step.step,
    step.kind,
    stateText(step),
    itemsText(step.items),
    ...(asks ? [resourcesText(step.resources)] : []),
    step.attempt,
    step.error ? failureLine(step.error.message) : '',
  ])
  const headings = ['step', 'kind', 'state', 'items', ...(asks ? ['resources'] : [])]
  console.log(table([...headings, 'attempt', 'error'], rows, MAX_ERROR_CHARS))
  for (const { gate, reasons } of refusalsOf(run))
    for (const reason of reasons) console.log(`\ngate ${gate} refused: ${reason}`)
  const failed = run.steps.find(({ state }) => state === 'failed')
  if (failed?.runId) console.log(`\nin full: gyre runs show ${failed.runId}`)
}

function stateText({ cached, state, retryAt }: StepRun): string {
  if (retryAt !== null) return `tried again at ${retryAt}`
  return cached ? 'cached' : state
}

/** `cpu 2, memory 512.0 MiB, gpu 1` */
function resourcesText(resources: Resources | null): string {
  if (!resources) return ''
  const { cpu, memoryBytes, gpu } = resources
  const parts = [
    cpu === undefined ? '' : `cpu ${cpu}`,
    memoryBytes === undefined ? '' : `memory ${sizeText(memoryBytes)}`,
    gpu === undefined ? '' : `gpu ${gpu}`,
  ]
  return parts.filter((part) => part !== '').join(', ')
}

/** `400 of 1000, 12 cached, 3 failed` */
function itemsText(items: ItemCounts | null): string {
  if (!items) return ''
  const { total, succeeded, cached, failed } = items
  const rest = [cached > 0 ? `${cached} cached` : '', failed > 0 ? `${failed} failed` : '']
  return [`${succeeded} of ${total}`, ...rest.filter((part) => part !== '')].join(', ')
}

function printItems({ items }: StepItems): void {
  const rows = items.map(({ item, state, cached, attempt, inputs, error }) => [
    item,
    cached ? 'cached' : state,
    attempt,
    JSON.stringify(inputs),
    error ? failureLine(error.message) : '',
  ])
  console.log(table(['item', 'state', 'attempt', 'inputs', 'error'], rows, MAX_INPUT_CHARS))
}

/** An error says which item, which script and what was thrown. */
const MAX_ERROR_CHARS = 160

/** Inputs of an item are for knowing it again. */
const MAX_INPUT_CHARS = 60
