import { createInterface } from 'node:readline/promises'
import { Study, StudySummary, Trial, type TrialParams } from '@gyre/sdk/wire/study'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { counted } from '../counted.ts'
import { facts, table } from '../table.ts'

/** `gyre studies ls|show|rm` */
export const addStudies: AddCommand = (program) => {
  const studies = program.command('studies').description('searches for the best parameters')

  withServer(studies.command('ls'))
    .description('searches, newest first')
    .action((options: unknown) =>
      withClient(options, async (client) => {
        const list = z.strictObject({ studies: z.array(StudySummary) })
        const found = (await client.get('/api/v1/studies', list)).studies
        const rows = found.map(({ name, state, counts, trials, best }) => [
          name,
          state,
          `${counts.finished + counts.pruned + counts.failed}/${trials}`,
          counts.running,
          valueText(best?.value),
        ])
        console.log(table(['study', 'state', 'ended', 'running', 'best'], rows))
      }),
    )

  withServer(studies.command('show'))
    .description('a search, its best trials, and how much each parameter matters')
    .argument('<study>')
    .option('--json', 'all of it, with every trial, as JSON')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const { json } = z.object({ json: z.boolean().default(false) }).parse(options)
        const path = `/api/v1/studies/${encodeURIComponent(name)}`
        const study = await client.get(path, Study)
        const { trials } = await client.get(
          `${path}/trials`,
          z.strictObject({ trials: z.array(Trial) }),
        )
        console.log(json ? jsonOf(study, trials) : textOf(study, trials))
      }),
    )

  withServer(studies.command('rm'))
    .description('take a search out, so that its name is free; the runs of its trials stay')
    .argument('<study>')
    .option('-y, --yes', 'do not ask')
    .action((name: string, options: unknown) =>
      withClient(options, async (client) => {
        const { yes } = z.object({ yes: z.boolean().default(false) }).parse(options)
        const path = `/api/v1/studies/${encodeURIComponent(name)}`
        if (!yes) await confirmRemoval(await client.get(path, Study))
        const { trials } = await client.delete(path, z.strictObject({ trials: z.int() }))
        console.log(`removed ${name}; the runs of its ${counted(trials, 'trial')} stay`)
      }),
    )
}

/** Asks on a terminal; elsewhere `--yes` must say it. Throws CANCELLED and INVALID_ARGUMENT. */
async function confirmRemoval({ name, counts }: Study): Promise<void> {
  const trials = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const what = `remove ${name} with what it knows of ${counted(trials, 'trial')}`
  if (!process.stdin.isTTY)
    throw new GyreError('INVALID_ARGUMENT', `--yes: expected, to ${what}`, { field: 'yes' })
  const terminal = createInterface(process.stdin, process.stdout)
  try {
    if ((await terminal.question(`${what}? [y/N] `)).trim().toLowerCase() === 'y') return
  } finally {
    terminal.close()
  }
  throw new GyreError('CANCELLED', `${name} stays as it is`)
}

/** What a person wants to know of a search. */
export function textOf(study: Study, trials: readonly Trial[]): string {
  const { counts } = study
  const states = Object.entries(counts).filter(([, count]) => count > 0)
  const head = facts([
    ['study', `${study.name} (${study.state})`],
    ['searches', `${study.direction} ${study.metric} by ${study.sampler.kind}`],
    [
      'trials',
      `${states.map(([state, count]) => `${count} ${state}`).join(', ')} of ${study.trials}`,
    ],
    [
      'best',
      study.best ? `${valueText(study.best.value)} with ${paramsText(study.best.params)}` : '–',
    ],
  ])
  const importance = Object.entries(study.importance)
    .toSorted(([, a], [, b]) => b - a)
    .map(([param, share]) => [param, `${(share * 100).toFixed(0)} %`])
  const rows = bestFirst(study, trials)
    .slice(0, SHOWN)
    .map(({ number, state, value, params, run }) => [
      number,
      state,
      valueText(value),
      paramsText(params),
      run,
    ])
  return [
    head,
    table(['parameter', 'matters'], importance),
    table(['trial', 'state', study.metric, 'parameters', 'run'], rows, 100),
  ].join('\n\n')
}

/** Trials that a screen has room for. */
const SHOWN = 10

export function jsonOf(study: Study, trials: readonly Trial[]): string {
  const shape = z.strictObject({ study: Study, trials: z.array(Trial) })
  return JSON.stringify(z.encode(shape, { study, trials: [...trials] }), null, 2)
}

function bestFirst({ direction }: Study, trials: readonly Trial[]): readonly Trial[] {
  const sign = direction === 'maximize' ? -1 : 1
  const lossOf = ({ state, value }: Trial): number =>
    state === 'finished' && value !== null && !Number.isNaN(value) ? sign * value : Infinity
  return trials.toSorted((a, b) => {
    const [first, second] = [lossOf(a), lossOf(b)]
    return first === second ? a.number - b.number : first - second
  })
}

export function valueText(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : String(Number(value.toPrecision(6)))
}

export function paramsText(params: TrialParams): string {
  return Object.entries(params)
    .map(([name, value]) =>
      typeof value === 'number' ? `${name}=${valueText(value)}` : `${name}=${value}`,
    )
    .join(' ')
}
