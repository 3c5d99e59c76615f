import { open, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { connect } from '@gyre/sdk/client'
import { MonitorWindow } from '@gyre/sdk/wire/monitor'
import type { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { Verdict } from '@gyre/sdk/wire/gate'
import { z } from 'zod'
import { readAnswered } from './demo/answered.ts'
import { faultFrom } from './demo/faults.ts'
import { gyreCommand, gyreVerbs, MONITOR, registeredBy, SEARCH } from './demo/gyre.ts'
import { replay } from './demo/replay.ts'
import { readFlights } from './demo/rows.ts'
import { createScreen, type Screen } from './demo/screen.ts'
import { bestText, readSearch } from './demo/search.ts'
import { readSummary } from './demo/summary.ts'

/** January is history, the rest is replayed. */
const GOES_LIVE = '2001-02-01T00:00:00.000Z'
/** Every label is known by then. */
const OVER = '2001-07-03T00:00:00.000Z'
/** The end of the last week that has flights in it. */
const LAST_WEEK_ENDS = '2001-07-05T00:00:00.000Z'

const { values } = parseArgs({ options: { rows: { type: 'string' }, json: { type: 'string' } } })
const everyKth = readEveryKth(values.rows ?? '20')
await assertWritable(values.json)
const client = connect({ url: process.env['GYRE_URL'] ?? 'http://127.0.0.1:7400', connections: 64 })
const gyre = gyreVerbs(client)
const stopping = new AbortController()
process.once('SIGTERM', () => process.exit(0))
// What fails while nobody waits for it yet ends the run too.
process.once('unhandledRejection', fail)

try {
  if (await isFinished()) console.log('the flights were replayed before; nothing to do')
  else await run()
  await report()
} catch (error) {
  fail(error)
}
stopping.abort()
client.close()

function fail(error: unknown): never {
  console.error(`flights: ${error instanceof Error ? error.message : String(error)}`)
  return process.exit(1)
}

async function run(): Promise<void> {
  const flights = await readFlights(everyKth, Date.parse(GOES_LIVE))
  const screen = createScreen(flights.length)
  screen.line(`every ${ordinal(everyKth)} of 3,000,000 flights is learned from and predicted`)
  void follow(screen)
  const command = process.env['GYRE_COMMAND'] ?? 'gyre'
  await bringInto(command)
  if (!(await gyre.route())?.stable) await goLive(command, screen)
  const { answered, latestMs } = await readAnswered(client)
  const day = Math.floor((latestMs ?? Date.parse(GOES_LIVE)) / 86_400_000) * 86_400_000
  let judged = 0
  await replay({
    gyre,
    flights: flights.filter(({ flight }) => !answered.get(flight)?.isLabelled),
    fromMs: answered.size === 0 ? day : Math.max(Date.parse(GOES_LIVE), day - 2 * 86_400_000),
    answered,
    async onDay(at, done) {
      screen.progress(at, done)
      const fault = faultFrom(at.getTime())
      if (fault !== undefined) screen.line(`  ${at.toISOString().slice(0, 10)}  INJECTED: ${fault}`)
      judged = await showWindows(screen, judged)
    },
  })
  await gyre.settle(OVER)
  await gyre.judgeRest(LAST_WEEK_ENDS)
  await showWindows(screen, judged)
  showLift(screen, await gyre.runPipeline('lift', { until: OVER }))
  screen.close()
}

async function bringInto(command: string): Promise<void> {
  const url = ['--url', client.url]
  await gyreCommand(command, ['apply', '.', '--set', `every=${everyKth}`, ...url])
  await gyreCommand(command, ['data', 'import', 'flights', ...url])
}

/** January's model: searched for, trained, reproduced, gated, registered, approved by its gate, and released. */
async function goLive(command: string, screen: Screen): Promise<void> {
  const here = ['--url', client.url, '--json']
  const over = ['--over', 'search.json', '--metric', 'newest-week.auc', '--maximize']
  const trials = ['--trials', '30', '--parallel', '2', '--param', `until=${GOES_LIVE}`]
  screen.line('searching the parameters of the trees: 30 trials, two at a time')
  await gyreCommand(command, ['tune', SEARCH, ...over, ...trials, ...here])
  screen.line(`  ${bestText(await readSearch(client))}`)
  const trained = await gyre.runPipeline('train', { until: GOES_LIVE, window: '31d' })
  await gyreCommand(command, ['reproduce', trained.id, ...here])
  screen.line(`  ${trained.id} was executed again: equal inputs, code, environment and metrics`)
  await gyre.materialize(GOES_LIVE)
  await gyre.release({ model: registeredBy(trained), plan: { kind: 'immediate' }, at: GOES_LIVE })
}

async function follow(screen: Screen): Promise<void> {
  for await (const event of client.events(0, stopping.signal)) screen.event(event)
}

async function showWindows(screen: Screen, from: number): Promise<number> {
  const windows = await readWindows()
  for (const window of windows.slice(from)) screen.window(window)
  return windows.length
}

async function readWindows(): Promise<readonly MonitorWindow[]> {
  const path = `/api/v1/monitors/${MONITOR}/windows`
  return (await client.get(path, z.object({ windows: z.array(MonitorWindow) }))).windows
}

/** True when the last week has been judged, in this run or an earlier one. */
async function isFinished(): Promise<boolean> {
  const windows = await readWindows().catch(() => [])
  return windows.some(({ end }) => end === LAST_WEEK_ENDS)
}

function showLift(screen: Screen, { steps }: PipelineRun): void {
  const { metrics, passed } = Verdict.parse(steps.find(({ kind }) => kind === 'gate')?.outputs)
  const [live, plan] = [metrics.candidate['auc'], metrics.baseline?.['auc']]
  if (live == null || plan == null) throw new Error('the lift was not measured')
  screen.line(
    `January's model on February to June: AUC ${live.toFixed(4)} with the late rates of the last two hours, ${plan.toFixed(4)} without; lift ${(live - plan).toFixed(4)} (${passed ? 'more' : 'NOT more'} than 0.04)`,
  )
}

async function report(): Promise<void> {
  const summary = await readSummary(client)
  const { totals, retrains, releases, faults, search, reproductions } = summary
  console.log(
    `\n${totals.predictions} predictions, ${totals.feedback} labels, ${totals.errors} errors, ${totals.seconds.toFixed(0)} s`,
  )
  console.log(`  search: ${bestText(search)}`)
  for (const one of reproductions) {
    const differences = Object.values(one.difference).flat().length
    console.log(`  ${one.run} reproduced ${one.repeats}: ${differences || 'no'} differences`)
  }
  for (const one of retrains)
    console.log(
      `  retraining ${one.at.slice(0, 10)}: ${one.why} → ${one.verdict}${one.reason ? ` (${one.reason})` : ''}`,
    )
  for (const one of releases)
    console.log(
      `  release ${one.at?.slice(0, 10) ?? 'at no time'}: ${one.from ?? 'nothing'} → ${one.to}, ${one.verdict}`,
    )
  for (const one of faults)
    console.log(`  fault, injected: ${one.kind} → ${one.action ?? 'NOT NOTICED'}`)
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify(summary, null, 2)}\n`)
}

function readEveryKth(text: string): number {
  const k = text === 'all' ? 1 : Number(text)
  if (Number.isSafeInteger(k) && k >= 1) return k
  console.error(`--rows: expected a whole number from 1, or all, got ${text}`)
  return process.exit(2)
}

function ordinal(k: number): string {
  if (k === 1) return 'one'
  const endings: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd' }
  return `${k}${endings[new Intl.PluralRules('en', { type: 'ordinal' }).select(k)] ?? 'th'}`
}

/** Told before the replay, not after it. */
async function assertWritable(path: string | undefined): Promise<void> {
  if (path === undefined) return
  try {
    await (await open(path, 'a')).close()
  } catch (error) {
    console.error(`--json: ${error instanceof Error ? error.message : String(error)}`)
    process.exit(2)
  }
}
