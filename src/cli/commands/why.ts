import type { GyreClient } from '@gyre/sdk/client'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { StepWhy } from '@gyre/sdk/wire/step'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { table } from '../table.ts'

const Options = z.object({
  run: z.exactOptional(z.string()),
  item: z.exactOptional(z.string()),
  json: z.boolean().default(false),
})

/** `gyre why STEP` */
export const addWhy: AddCommand = (program) => {
  withServer(program.command('why'))
    .description('why a step ran, or was not needed to: which parts of its cache key changed')
    .argument('<step>')
    .option('--run <run>', 'of this pipeline run; the newest that has the step unless told')
    .option('--item <number>', 'one item of a step that is done for each of a list, from 0')
    .option('--json', 'as JSON')
    .action((step: string, options: unknown) =>
      withClient(options, async (client) => {
        const { run, item, json } = Options.parse(options)
        const id = run ?? (await newestWith(client, step))
        const path = `/api/v1/pipeline-runs/${encodeURIComponent(id)}/steps/${encodeURIComponent(step)}/why${item === undefined ? '' : `?item=${encodeURIComponent(item)}`}`
        const why = await client.get(path, StepWhy)
        console.log(json ? JSON.stringify(why, null, 2) : describe(why))
      }),
    )
}

async function newestWith(client: GyreClient, step: string): Promise<string> {
  // A repetition runs every step: that says nothing about the cache.
  const query = new URLSearchParams({ step, repetitions: 'false', limit: '1' }).toString()
  const reply = z.strictObject({ runs: z.array(PipelineRun) })
  const [run] = (await client.get(`/api/v1/pipeline-runs?${query}`, reply)).runs
  if (run) return run.id
  throw new GyreError('NOT_FOUND', `no pipeline run has a step ${step}`, { step })
}

function describe({ pipelineRunId, step, item, answer, earlier, changed }: StepWhy): string {
  const about = `${item === null ? step : `item ${item} of ${step}`} of ${pipelineRunId}`
  switch (answer) {
    case 'reused':
      return `${about} was not run: nothing changed since ${earlier ?? 'an earlier run'}`
    case 'first':
      return `${about} ran: it never succeeded before`
    case 'unchanged':
      return `${about} ran although nothing changed since ${earlier}: it is never reused, or both ran at a time`
    case 'forced':
      return `${about} ran although nothing changed since ${earlier}: its run was resumed from there`
    case 'repeated':
      return `${about} ran because gyre reproduce executes every step of ${earlier} again`
    case 'waiting':
      return `${about} has not begun`
    case 'changed': {
      const rows = changed.map(({ part, before, now }) => [part, before, now])
      return `${about} ran: not as in ${earlier}\n${table(['part', 'before', 'now'], rows, 24)}`
    }
  }
}
