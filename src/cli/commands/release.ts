import { Release, ReleaseStatus } from '@gyre/sdk/wire/release'
import type { Command } from 'commander'
import { z } from 'zod'
import { formatRef } from '../../core/ref.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { planOf, StartOptions } from '../release-plan.ts'
import { describeStatus } from '../release-screen.ts'
import { table } from '../table.ts'
import { readVersion } from '../version-ref.ts'

/** `gyre release`, `gyre releases`, `gyre promote`, `gyre rollback` */
export const addRelease: AddCommand = (program) => {
  const release = program.command('release').description('bring a version to an endpoint')
  addStart(release)

  withServer(release.command('status'))
    .description('how far the release has come, and what each stage has shown')
    .argument('<endpoint>')
    .option('--json', 'as JSON')
    .action((endpoint: string, options: unknown) =>
      withClient(options, async (client) => {
        const { json } = z.object({ json: z.boolean().default(false) }).parse(options)
        const status = await client.get(pathOf(endpoint, 'release'), ReleaseStatus)
        console.log(json ? JSON.stringify(status, null, 2) : describeStatus(status))
      }),
    )

  addVerb(release, 'approve', 'let a stage that has passed go on', 'approve')
  addVerb(release, 'advance', 'go on to the next stage without waiting for proof', 'advance')
  addVerb(release, 'complete', 'give the open release all traffic now', 'promote')
  addVerb(program, 'promote', 'the same as gyre release complete', 'promote')

  withServer(release.command('abort'))
    .description('take the open release back')
    .argument('<endpoint>')
    .option('--why <text>', 'why; recorded', 'asked for')
    .action((endpoint: string, options: unknown) =>
      withClient(options, async (client) => {
        const { why } = z.object({ why: z.string() }).parse(options)
        print(await client.post(pathOf(endpoint, 'abort'), { reason: why }, Release))
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
          r.reason ?? r.analysis?.reason ?? r.why ?? '',
        ])
        console.log(table(['at', 'endpoint', 'kind', 'from', 'to', 'state', 'by', 'because'], rows))
      }),
    )

  withServer(program.command('rollback'))
    .description('take an open release back, else return to the version before')
    .argument('<endpoint>')
    .option('--reason <text>', 'why', 'asked for')
    .action((endpoint: string, options: unknown) =>
      withClient(options, async (client) => {
        const { reason } = z.object({ reason: z.string() }).parse(options)
        print(await client.post(pathOf(endpoint, 'rollback'), { reason }, Release))
      }),
    )
}

/** `start` may be left out: `gyre release ENDPOINT VERSION` is the shorter form of the same. */
function addStart(release: Command): void {
  withServer(release.command('start', { isDefault: true }))
    .description('open a release; without a plan all traffic goes there at once')
    .argument('<endpoint>')
    .argument('<version>', 'NAME@VERSION')
    .option('--canary <percent>', 'to this share of subjects first')
    .option('--plan <percents>', 'in stages, such as 10,50,100')
    .option('--manual', 'a stage that has passed waits for gyre release approve')
    .option('--min-samples <n>', 'canary requests of a stage before it may pass')
    .option('--deadline <duration>', 'event time after which an undecided stage is taken back')
    .option('--slow <ms>', 'judge latency too: answers beyond this are slow')
    .option('--shadow', 'it answers nobody: it is asked after the reply, and compared')
    .option('--blue-green', 'loaded and waiting; gyre release complete switches everyone at once')
    .option('--bandit', 'its share follows the labels that come back, by Thompson sampling')
    .option('--floor <percent>', 'that neither version of a bandit goes below')
    .option('--cap <percent>', 'that the new version of a bandit does not go above')
    .option('--horizon <duration>', 'after which a label is no reward of a bandit')
    .option('--sample <percent>', 'of the requests that a shadow is asked')
    .option('--tolerance <number>', 'a shadow agrees when no number is further off than this')
    .option('--why <text>', 'recorded with the release')
    .option('--force <reason>', 'although its gate has not passed; the reason is recorded')
    .action((endpoint: string, text: string, options: unknown) =>
      withClient(options, async (client) => {
        const { force, why, ...plan } = StartOptions.parse(options)
        const { name, version } = readVersion(text)
        const body = {
          model: formatRef({ kind: 'model', name, version }),
          plan: planOf(plan),
          ...(force === undefined ? {} : { force }),
          ...(why === undefined ? {} : { why }),
        }
        print(await client.post(pathOf(endpoint, 'releases'), body, Release))
      }),
    )
}

function addVerb(parent: Command, name: string, description: string, path: string): void {
  withServer(parent.command(name))
    .description(description)
    .argument('<endpoint>')
    .option('--why <text>', 'why; recorded')
    .action((endpoint: string, options: unknown) =>
      withClient(options, async (client) => {
        const body = z.object({ why: z.exactOptional(z.string().min(1)) }).parse(options)
        print(await client.post(pathOf(endpoint, path), body, Release))
      }),
    )
}

function pathOf(endpoint: string, verb: string): string {
  return `/api/v1/endpoints/${encodeURIComponent(endpoint)}/${verb}`
}

function print({ endpoint, kind, state, from, to }: Release): void {
  console.log(`${endpoint}: ${kind} ${from ?? 'nothing'} → ${to}, ${state.replace('_', ' ')}`)
}
