import { PipelineRun, type StepRun } from '@gyre/sdk/wire/pipeline'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { readParam } from '../pair.ts'
import { table } from '../table.ts'

/** `gyre pipeline run|ls|show` */
export const addPipeline: AddCommand = (program, { exit }) => {
  const pipeline = program.command('pipeline').description('pipelines and their runs')

  withServer(pipeline.command('run'))
    .description('run a pipeline to its end')
    .argument('<name>')
    .option('--param <name=value...>', 'a parameter; the value is JSON or plain text')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const { param } = z.object({ param: z.array(z.string()).default([]) }).parse(options)
        const path = `/api/v1/pipelines/${encodeURIComponent(name)}/runs`
        const started = await client.post(
          path,
          { params: Object.fromEntries(param.map(readParam)) },
          PipelineRun,
        )
        const ended = await client.get(`/api/v1/pipeline-runs/${started.id}?wait=true`, PipelineRun)
        print(ended)
        if (ended.status !== 'succeeded') exit(1)
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
}

function print(run: PipelineRun): void {
  console.log(`${run.pipeline} ${run.id}: ${run.status}`)
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
