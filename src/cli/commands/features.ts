import { MaterializeReply } from '@gyre/sdk/wire/feature'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { table } from '../table.ts'

/** `gyre features materialize --until INSTANT` */
export const addFeatures: AddCommand = (program) => {
  const features = program.command('features').description('feature views')

  withServer(features.command('materialize'))
    .description('make feature rows up to an instant readable online')
    .requiredOption('--until <instant>', 'ISO-8601')
    .argument('[views...]', 'all views when none is named')
    .action((views: readonly string[], options: unknown) =>
      withClient(options, async (client) => {
        const { until } = z.object({ until: z.string() }).parse(options)
        const body = views.length === 0 ? { until } : { until, views }
        const done = await client.post('/api/v1/features/materialize', body, MaterializeReply)
        const rows = done.views.map(({ view, from, rows: moved }) => [
          view,
          from ?? 'the start',
          moved,
        ])
        console.log(table(['view', 'from', 'rows'], rows))
      }),
    )
}
