import { Experiment } from '@gyre/sdk/wire/experiment'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { table } from '../table.ts'

const Options = z.object({
  filter: z.exactOptional(z.string()),
  limit: z.string().default('50'),
  json: z.boolean().default(false),
})

/** `gyre experiments ls` */
export const addExperiments: AddCommand = (program) => {
  const experiments = program.command('experiments').description('named sets of runs')

  withServer(experiments.command('ls'))
    .description('experiments, newest first')
    .option('--filter <text>', `such as "name LIKE 'churn%' AND tags.team = 'risk'"`)
    .option('--limit <count>', 'how many, 1000 at most (50)')
    .option('--json', 'as JSON')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const { json, ...asked } = Options.parse(options)
        const reply = z.strictObject({
          experiments: z.array(Experiment),
          next: z.string().nullable(),
        })
        const path = `/api/v1/experiments?${new URLSearchParams(asked).toString()}`
        const found = await client.get(path, reply)
        const rows = found.experiments.map(({ id, name, createdAt, updatedAt }) => [
          id,
          name,
          createdAt,
          updatedAt,
        ])
        console.log(
          json
            ? JSON.stringify(found.experiments, null, 2)
            : table(['id', 'name', 'created', 'updated'], rows),
        )
      }),
    )
}
