import { Lineage } from '@gyre/sdk/wire/lineage'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { lineageTree } from '../lineage-tree.ts'

/** `gyre lineage REF` */
export const addLineage: AddCommand = (program) => {
  withServer(program.command('lineage'))
    .description('what a thing was made of, down to the digests of its data')
    .argument('<ref>', 'prediction:ID, model:NAME@VERSION, run:ID or dataset:NAME@VERSION')
    .option('--down', 'what was made of it, instead')
    .option('--json', 'as JSON')
    .action((ref: string, options: unknown) =>
      withClient(options, async (client) => {
        const { down, json } = z
          .object({ down: z.boolean().default(false), json: z.boolean().default(false) })
          .parse(options)
        const direction = down ? 'down' : 'up'
        const query = new URLSearchParams({ ref, direction })
        const lineage = await client.get(`/api/v1/lineage?${query.toString()}`, Lineage)
        console.log(json ? JSON.stringify(lineage, null, 2) : lineageTree(lineage, direction))
      }),
    )
}
