import { AliasMove, ModelCard, ModelReport, ModelVersion } from '@gyre/sdk/wire/model'
import { z } from 'zod'
import { describeCard } from '../card-screen.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { describeModel } from '../model-screen.ts'
import { table } from '../table.ts'
import { readVersion } from '../version-ref.ts'

/** `gyre model show|card|ls|aliases|approve` */
export const addModel: AddCommand = (program) => {
  const model = program.command('model').description('registered models')

  withServer(model.command('show'))
    .description('which version serves where, trained on what, approved by whom, how good')
    .argument('<name>')
    .option('--json', 'as JSON')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const report = await client.get(`/api/v1/models/${encodeURIComponent(name)}`, ModelReport)
        const { json } = z.object({ json: z.boolean().default(false) }).parse(options)
        console.log(json ? JSON.stringify(report, null, 2) : describeModel(report))
      }),
    )

  withServer(model.command('card'))
    .description('one version: signature, data, parameters, verdict, approval')
    .argument('<version>', 'NAME@VERSION')
    .option('--json', 'as JSON')
    .action((text: string, options: unknown) =>
      withClient(options, async (client) => {
        const { name, version } = readVersion(text)
        const path = `/api/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}/card`
        const card = await client.get(path, ModelCard)
        const { json } = z.object({ json: z.boolean().default(false) }).parse(options)
        console.log(json ? JSON.stringify(card, null, 2) : describeCard(card))
      }),
    )

  withServer(model.command('ls'))
    .description('model versions, newest first')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const reply = z.strictObject({ versions: z.array(ModelVersion) })
        const { versions } = await client.get('/api/v1/models', reply)
        const rows = versions.map((v) => [
          v.ref,
          v.stage,
          v.aliases.join(', '),
          v.createdAt,
          v.createdBy,
        ])
        console.log(table(['version', 'stage', 'aliases', 'created', 'by'], rows))
      }),
    )

  withServer(model.command('aliases'))
    .description('where the aliases of a model have pointed, oldest first')
    .argument('<name>')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const reply = z.strictObject({ moves: z.array(AliasMove) })
        const path = `/api/v1/models/${encodeURIComponent(name)}/aliases`
        const { moves } = await client.get(path, reply)
        const rows = moves.map(({ alias, from, to, at, actor }) => [alias, from, to, at, actor])
        console.log(table(['alias', 'from', 'to', 'at', 'by'], rows))
      }),
    )

  withServer(model.command('approve'))
    .description('approve a version (or --reject it) in your name')
    .argument('<version>', 'NAME@VERSION')
    .option('--reject', 'reject instead')
    .option('--note <text>', 'why')
    .action((text: string, options: unknown) =>
      withClient(options, async (client) => {
        const { reject, note } = z
          .object({ reject: z.boolean().default(false), note: z.string().default('') })
          .parse(options)
        const { name, version } = readVersion(text)
        const path = `/api/v1/models/${encodeURIComponent(name)}/versions/${encodeURIComponent(version)}/approve`
        const decision = reject ? 'rejected' : 'approved'
        const { ref } = await client.post(path, { decision, note }, ModelVersion)
        console.log(`${ref} ${decision}`)
      }),
    )
}
