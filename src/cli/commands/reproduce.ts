import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { RunDifference } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { table } from '../table.ts'

const Json = z.object({ json: z.boolean().default(false) })

/** `gyre reproduce RUN` */
export const addReproduce: AddCommand = (program, { exit }) => {
  withServer(program.command('reproduce'))
    .description('execute a run again on what it was made from, and tell what differs')
    .argument('<run>', 'a run of a pipeline, or of one of its steps')
    .option('--json', 'the difference as JSON; four empty lists when there is none')
    .action((run: string, options: unknown) =>
      withClient(options, async (client) => {
        const path = `/api/v1/pipeline-runs/${encodeURIComponent(run)}/repeat`
        const { id, repeats } = await client.post(path, {}, PipelineRun)
        await client.get(`/api/v1/pipeline-runs/${id}?wait=true`, PipelineRun)
        const found = await client.get(`/api/v1/pipeline-runs/${id}/difference`, RunDifference)
        const rows = Object.entries(found).flatMap(([kind, changes]) =>
          changes.map(({ step, what, before, now }) => [kind, step ?? '', what, before, now]),
        )
        if (rows.length > 0) exit(1)
        if (Json.parse(options).json) return console.log(JSON.stringify(found, null, 2))
        if (rows.length === 0) return console.log(`${id} is equal to ${repeats}`)
        console.log(table(['', 'step', 'what', 'before', 'now'], rows))
      }),
    )
}
