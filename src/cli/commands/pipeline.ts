import type { GyreClient } from '@gyre/sdk/client'
import { PipelineRun, type StepRun } from '@gyre/sdk/wire/pipeline'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { oneLine } from '../one-line.ts'
import { readParam } from '../pair.ts'
import { table } from '../table.ts'

/** `gyre pipeline run|resume|ls|show|cancel` */
export const addPipeline: AddCommand = (program, { exit }) => {
  const pipeline = program.command('pipeline').description('pipelines and their runs')

  async function awaitEnd(client: GyreClient, id: string): Promise<void> {
    const ended = await client.get(`/api/v1/pipeline-runs/${id}?wait=true`, PipelineRun)
    print(ended)
    if (ended.status !== 'succeeded') exit(1)
  }

  withServer(pipeline.command('run'))
    .description('run a pipeline to its end')
    .argument('<name>')
    .option('--param <name=value...>', 'a parameter; the value is JSON or plain text')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const path = `/api/v1/pipelines/${encodeURIComponent(name)}/runs`
        const started = await client.post(path, { params: paramsOf(options) }, PipelineRun)
        await awaitEnd(client, started.id)
      }),
    )

  withServer(pipeline.command('resume'))
    .description('execute an ended run from a step on, as a new run with the code applied now')
    .argument('<run>')
    .option('--from <step>', 'with all that reads from it; what did not succeed unless told')
    .option('--param <name=value...>', 'another value of a parameter that no kept step has read')
    .action((run: string, options: unknown) =>
      withClient(options, async (client) => {
        const { from } = z.object({ from: z.exactOptional(z.string()) }).parse(options)
        const path = `/api/v1/pipeline-runs/${encodeURIComponent(run)}/resume`
        const body = { params: paramsOf(options), ...(from !== undefined && { from }) }
        await awaitEnd(client, (await client.post(path, body, PipelineRun)).id)
      }),
    )

  withServer(pipeline.command('ls'))
    .description('runs, newest first')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const { runs } = await client.get(
          '/api/v1/pipeline-runs',
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

  withServer(pipeline.command('show'))
    .description('a run and its steps')
    .argument('<run>')
    .action((run: string, options: unknown) =>
      withClient(options, async (client) =>
        print(await client.get(`/api/v1/pipeline-runs/${encodeURIComponent(run)}`, PipelineRun)),
      ),
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

function print(run: PipelineRun): void {
  const by = run.cancelled ? `, cancelled by ${oneLine(run.cancelled.by)}` : ''
  const since = run.resumes === null ? '' : `, resumes ${run.resumes}`
  console.log(`${run.pipeline} ${run.id}: ${run.status}${by}${since}`)
  const rows = run.steps.map((step) => [
    step.step,
    step.kind,
    stateText(step),
    step.attempt,
    step.error?.message.split('\n')[0] ?? '',
  ])
  console.log(table(['step', 'kind', 'state', 'attempt', 'error'], rows))
}

function stateText({ cached, state, retryAt }: StepRun): string {
  if (retryAt !== null) return `tried again at ${retryAt}`
  return cached ? 'cached' : state
}
