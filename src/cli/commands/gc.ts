import { GcReport, type GcRequest } from '@gyre/sdk/wire/upkeep'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { describeGc } from '../gc-screen.ts'

const Options = z.object({
  delete: z.boolean().default(false),
  deletedBefore: z.string(),
  unusedFor: z.string(),
  json: z.boolean().default(false),
})

/** `gyre gc` */
export const addGc: AddCommand = (program) => {
  withServer(program.command('gc'))
    .description('what of the bytes nothing needs; says it, and frees it with --delete')
    .option('--delete', 'free it')
    .option('--deleted-before <duration>', 'what was deleted so long ago is gone for good', '30d')
    .option('--unused-for <duration>', 'leave what was put or asked for more recently', '24h')
    .option('--json', 'for programs')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const { json, ...request } = Options.parse(options)
        const report = await client.post('/api/v1/gc', request satisfies GcRequest, GcReport)
        console.log(json ? JSON.stringify(report, null, 2) : describeGc(report))
      }),
    )
}
