import { ApplyReply } from '@gyre/sdk/wire/manifest'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { counted } from '../counted.ts'
import { readPair } from '../pair.ts'
import { prepareProject } from '../prepare-project.ts'
import { table } from '../table.ts'

const Options = z.object({ plan: z.boolean().default(false), set: z.array(z.string()).default([]) })

/** `gyre apply [--plan] [FOLDER]` */
export const addApply: AddCommand = (program) => {
  withServer(program.command('apply'))
    .description('bring a project into a running Gyre')
    .argument('[folder]', 'where gyre.config.ts is', '.')
    .option('--plan', 'show what would change, change nothing')
    .option('--set <name=value...>', "a value for one of the project's settings")
    .action((folder: string, options: unknown) =>
      withClient(options, async (client) => {
        const { plan, set } = Options.parse(options)
        const { request, files } = await prepareProject(folder, new Map(set.map(readPair)))
        if (!plan) for (const bytes of files) await client.putBytes(bytes)
        const reply = await client.post(`/api/v1/project/apply?plan=${plan}`, request, ApplyReply)
        const changed = reply.changes.filter(({ change }) => change !== 'unchanged')
        const rows = changed.map(({ kind, name, change, fields }) => [
          change,
          kind,
          name,
          fields.join(', '),
        ])
        if (rows.length > 0) console.log(table(['change', 'kind', 'name', 'fields'], rows))
        console.log(
          plan
            ? 'planned; nothing was changed'
            : `${reply.ref}: ${counted(changed.length, 'change')}`,
        )
      }),
    )
}
