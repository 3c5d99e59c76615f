import { CreatedKey, Key, type CreateKey } from '@gyre/sdk/wire/key'
import { z } from 'zod'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { table } from '../table.ts'

/** `gyre key create|ls|revoke` */
export const addKey: AddCommand = (program) => {
  const key = program.command('key').description('keys that let others in')

  withServer(key.command('create'))
    .description('make a key; its secret is printed this once')
    .argument('<name>')
    .requiredOption('--role <role>', 'viewer, member, approver or admin')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const { role } = z.object({ role: z.string() }).parse(options)
        const created = await client.post(
          '/api/v1/keys',
          { name, role } satisfies Loose<CreateKey>,
          CreatedKey,
        )
        console.log(created.secret)
      }),
    )

  withServer(key.command('ls'))
    .description('list keys')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const { keys } = await client.get('/api/v1/keys', z.strictObject({ keys: z.array(Key) }))
        const rows = keys.map((k) => [
          k.name,
          k.role,
          k.createdAt,
          k.createdBy,
          k.revokedAt ?? 'live',
        ])
        console.log(table(['name', 'role', 'created', 'by', 'revoked'], rows))
      }),
    )

  withServer(key.command('revoke'))
    .description('revoke a key; it stops working at once')
    .argument('<name>', 'name or id')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const revoked = await client.delete(`/api/v1/keys/${encodeURIComponent(name)}`, Key)
        console.log(`revoked ${revoked.name} (${revoked.id})`)
      }),
    )
}

/** What is sent before the server has checked it. */
type Loose<T> = { readonly [K in keyof T]: unknown }
