import { Release } from '@gyre/sdk/wire/release'
import { z } from 'zod'
import { formatRef } from '../../core/ref.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { table } from '../table.ts'
import { readVersion } from '../version-ref.ts'

const OpenOptions = z.object({
  canary: z.exactOptional(z.coerce.number().gt(0).lt(100)),
  force: z.exactOptional(z.string().min(1)),
})

/** `gyre release`, `gyre releases`, `gyre promote`, `gyre rollback` */
export const addRelease: AddCommand = (program) => {
  withServer(program.command('release'))
    .description('bring a version to an endpoint')
    .argument('<endpoint>')
    .argument('<version>', 'NAME@VERSION')
    .option('--canary <percent>', 'to this share of subjects first')
    .option('--force <reason>', 'although its gate has not passed; the reason is recorded')
    .action((endpoint: string, text: string, options: unknown) =>
      withClient(options, async (client) => {
        const { canary, force } = OpenOptions.parse(options)
        const plan =
          canary === undefined
            ? { kind: 'immediate' }
            : { kind: 'canary', weightBp: Math.round(canary * 100) }
        const { name, version } = readVersion(text)
        const body = {
          model: formatRef({ kind: 'model', name, version }),
          plan,
          ...(force === undefined ? {} : { force }),
        }
        print(await client.post(pathOf(endpoint, 'releases'), body, Release))
      }),
    )

  withServer(program.command('releases'))
    .description('releases, newest first')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const { releases } = await client.get(
          '/api/v1/releases',
          z.strictObject({ releases: z.array(Release) }),
        )
        const rows = releases.map((r) => [
          r.at ?? r.openedAt,
          r.endpoint,
          r.kind,
          r.from ?? '',
          r.to,
          r.state,
          r.actor,
          r.reason ?? r.analysis?.reason ?? '',
        ])
        console.log(table(['at', 'endpoint', 'kind', 'from', 'to', 'state', 'by', 'because'], rows))
      }),
    )

  withServer(program.command('promote'))
    .description('give an open canary all traffic')
    .argument('<endpoint>')
    .action((endpoint: string, options: unknown) =>
      withClient(options, async (client) => {
        print(await client.post(pathOf(endpoint, 'promote'), undefined, Release))
      }),
    )

  withServer(program.command('rollback'))
    .description('take an open canary back, else return to the version before')
    .argument('<endpoint>')
    .option('--reason <text>', 'why', 'asked for')
    .action((endpoint: string, options: unknown) =>
      withClient(options, async (client) => {
        const { reason } = z.object({ reason: z.string() }).parse(options)
        print(await client.post(pathOf(endpoint, 'rollback'), { reason }, Release))
      }),
    )
}

function pathOf(endpoint: string, verb: string): string {
  return `/api/v1/endpoints/${encodeURIComponent(endpoint)}/${verb}`
}

function print({ endpoint, kind, state, from, to }: Release): void {
  console.log(`${endpoint}: ${kind} ${from ?? 'nothing'} → ${to}, ${state.replace('_', ' ')}`)
}
