import { resolve } from 'node:path'
import type { GyreClient } from '@gyre/sdk/client'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { Run, RunDifference } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { serverOf, withClient, withServer, type AddCommand } from '../command.ts'
import { repeatRun, requestOfRun, type Repetition } from '../run/repeat.ts'
import { table } from '../table.ts'

const Options = z.object({
  json: z.boolean().default(false),
  folder: z.exactOptional(z.string()),
})

/** `gyre reproduce RUN` */
export const addReproduce: AddCommand = (program, { exit }) => {
  withServer(program.command('reproduce'))
    .description('execute a run again on what it was made from, and tell what differs')
    .argument('<run>', 'a run of a pipeline, of one of its steps, or of gyre run')
    .option('--folder <folder>', 'where the files of a run of gyre run are now')
    .option('--json', 'the difference as JSON; four empty lists when there is none')
    .action((id: string, given: unknown) =>
      withClient(given, async (client) => {
        const { json, folder } = Options.parse(given)
        const before = await client.get(`/api/v1/runs/${encodeURIComponent(id)}`, Run)
        const request = requestOfRun(before, folder === undefined ? undefined : resolve(folder))
        const { run, repeats, difference } = request
          ? await repeatRun({ client, key: serverOf(given).key }, before, request)
          : await repeatPipeline(client, id)
        const rows = Object.entries(difference).flatMap(([kind, changes]) =>
          changes.map(({ step, what, before: then, now }) => [kind, step ?? '', what, then, now]),
        )
        if (rows.length > 0) exit(1)
        if (json) return console.log(JSON.stringify(difference, null, 2))
        if (rows.length === 0) return console.log(`${run} is equal to ${repeats}`)
        console.log(table(['', 'step', 'what', 'before', 'now'], rows))
      }),
    )
}

async function repeatPipeline(client: GyreClient, of: string): Promise<Repetition> {
  const path = `/api/v1/pipeline-runs/${encodeURIComponent(of)}/repeat`
  const { id, repeats } = await client.post(path, {}, PipelineRun)
  await client.get(`/api/v1/pipeline-runs/${id}?wait=true`, PipelineRun)
  const difference = await client.get(`/api/v1/pipeline-runs/${id}/difference`, RunDifference)
  return { run: id, repeats, difference }
}
