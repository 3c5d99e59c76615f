import type { FeedbackItem } from '@gyre/sdk/wire/predict'
import { isLost, HURRY_FROM_MS, HURRY_UNTIL, sentDistance } from './faults.ts'
import { registeredBy, type Gyre, type Question } from './gyre.ts'
import type { Flight } from './rows.ts'

/** Features are made readable, labels sent and requests asked in steps of this much event time. */
const TICK_MS = 3_600_000
const DAY_MS = 86_400_000

/** Requests under way at the same time. */
const CONCURRENCY = 32

const NOTHING_ASKED: Promise<readonly Pending[]> = Promise.resolve([])

export interface Answered {
  readonly id: string
  readonly isLabelled: boolean
}

export interface ReplayOptions {
  readonly gyre: Gyre
  readonly flights: readonly Flight[]
  readonly fromMs: number
  /** Flights that were answered before the replay was interrupted, by number. */
  readonly answered: ReadonlyMap<number, Answered>
  readonly onDay: (day: Date, done: number) => Promise<void>
}

/** A label that is not known yet. */
interface Pending {
  readonly knownMs: number
  readonly item: FeedbackItem
}

/**
 * Sends the flights as live traffic, one hour of event time after the other: the flights that leave in it are
 * asked about while the labels of those that have landed travel. Nothing waits for the disk: features are
 * brought up an hour ahead of the questions, an hour's last answers and labels may arrive in the next. That
 * shows nothing early, since a question reads features as of its own time. At midnight everything is waited
 * for, and Gyre is told to settle.
 */
export async function replay({
  gyre,
  flights,
  fromMs,
  answered,
  onDay,
}: ReplayOptions): Promise<void> {
  const endMs = flights.reduce((latest, { landedMs }) => Math.max(latest, landedMs), fromMs)
  let pending: Pending[] = []
  let next = 0
  let hurried = false
  let asking = NOTHING_ASKED
  let labelling: Promise<void> = Promise.resolve()
  let features = gyre.materialize(isoOf(fromMs + TICK_MS))
  for (let tickMs = fromMs; tickMs < endMs + TICK_MS; tickMs += TICK_MS) {
    const isMidnight = tickMs % DAY_MS === 0 && tickMs > fromMs
    if (isMidnight) {
      pending.push(...(await asking))
      asking = NOTHING_ASKED
    }
    await Promise.all([features, labelling])
    const known = pending.filter(({ knownMs }) => knownMs <= tickMs)
    pending = pending.filter(({ knownMs }) => knownMs > tickMs)
    labelling = gyre.feedback(known.map(({ item }) => item))
    if (isMidnight) {
      await labelling
      await gyre.settle(isoOf(tickMs))
      if (!hurried && tickMs >= HURRY_FROM_MS) hurried = await forceHurriedModel(gyre)
      await onDay(new Date(tickMs), next)
    }
    features = gyre.materialize(isoOf(tickMs + 2 * TICK_MS))
    const leaving: Flight[] = []
    for (; (flights[next]?.dateMs ?? Infinity) < tickMs + TICK_MS; next++) {
      const flight = flights[next]
      if (flight && !isLost(flight)) leaving.push(flight)
    }
    const before = asking
    asking = ask(gyre, leaving, answered)
    pending.push(...(await before))
  }
  await Promise.all([features, labelling])
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}

/** Asks about the flights that leave in one tick; gives the labels to be sent when they have landed. */
async function ask(
  gyre: Gyre,
  leaving: readonly Flight[],
  answered: ReadonlyMap<number, Answered>,
): Promise<readonly Pending[]> {
  const pending: Pending[] = []
  const queue = leaving.values()
  const worker = async (): Promise<void> => {
    for (const flight of queue) {
      const before = answered.get(flight.flight)
      if (before?.isLabelled) continue
      const id = before?.id ?? (await gyre.predict(questionOf(flight)))
      if (id !== undefined) pending.push({ knownMs: flight.landedMs, item: labelOf(flight, id) })
    }
  }
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  return pending
}

function questionOf(flight: Flight): Question {
  const date = new Date(flight.dateMs).toISOString()
  const { origin, destination } = flight
  return {
    subject: String(flight.flight),
    at: date,
    input: { date, origin, destination, distance: sentDistance(flight) },
  }
}

function labelOf({ delay, landedMs }: Flight, prediction_id: string): FeedbackItem {
  return { prediction_id, label: delay > 15 ? 1 : 0, at: new Date(landedMs).toISOString() }
}

/** Waits for a day without a canary; then forces a model past its gate. True when that was done. */
async function forceHurriedModel(gyre: Gyre): Promise<boolean> {
  const route = await gyre.route()
  if (route?.canary) return false
  const run = await gyre.runPipeline('hurry', { until: HURRY_UNTIL })
  await gyre.release({
    model: registeredBy(run),
    plan: { kind: 'canary', weightBp: 1000 },
    force: 'injected fault: a model made in a hurry, forced past its gate',
  })
  return true
}
