import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import type { Digest } from '../core/digest.ts'
import { toGyreError, type ErrorCode } from '../core/errors.ts'
import { BUCKETS, bucketOf } from '../routes/split.ts'
import { compareAnswers, type AnswerPart } from './agreement.ts'
import type { Arm, Arms } from './arms.ts'
import type { Flight } from './flight.ts'

/** So many requests wait for a shadow; of what comes while it is full nothing is kept but the number. */
const MAX_WAITING = 64

/** A shadow waits so long for a moment without a request under way; on a busy server it would else never be asked. */
const PATIENCE_MS = 100

/** A request that was answered, as a shadow is asked it too. */
export interface Trial {
  readonly flight: Flight
  readonly primary: readonly AnswerPart[]
  /** Of what the model was asked; computed when the shadow's turn comes, not before the reply. */
  readonly inputs: () => Digest
  /** Asks an arm the same. Throws what the arm throws. */
  readonly ask: (arm: Arm) => Promise<readonly AnswerPart[]>
}

/** What became of a trial. */
export type ShadowLanding = {
  readonly flight: Flight
  readonly releaseId: string
  readonly model: string
} & (
  | { readonly end: 'dropped' }
  | { readonly end: 'failed'; readonly error: ErrorCode; readonly inputs: Digest }
  | {
      readonly end: 'compared'
      readonly agree: boolean
      readonly maxAbsDiff: number | null
      readonly inputs: Digest
      readonly primaryMs: number
      readonly shadowMs: number
    }
)

export interface ShadowDeps {
  /** Loaded in workers of their own. */
  readonly arms: Pick<Arms, 'find' | 'load'>
  /** The requests under way. */
  readonly flying: ReadonlySet<Promise<unknown>>
  readonly clock: Clock
  /** Must not throw. */
  readonly onLanding: (landing: ShadowLanding) => void
}

/** Asks the shadows of endpoints what was answered already. It can slow down or fail nothing but itself. */
export interface Shadow {
  /** Call it once the reply is out: never waits and never throws. */
  readonly offer: (trial: Trial, primaryMs: number) => void
  /** Drops what waits; resolves when what was being asked has ended. */
  close(): Promise<void>
}

export function createShadow({ arms, flying, clock, onLanding }: ShadowDeps): Shadow {
  let waiting: { readonly trial: Trial; readonly primaryMs: number }[] = []
  let working: Promise<void> | undefined
  const stopping = new AbortController()

  /** One after the other, between the requests where there is a moment between them. */
  async function work(): Promise<void> {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      if (flying.size > 0) await gap()
      if (stopping.signal.aborted) return
      await ask(next.trial, next.primaryMs)
    }
  }

  async function gap(): Promise<void> {
    const patience = delay(PATIENCE_MS, undefined, { signal: stopping.signal, ref: false })
    await Promise.race([Promise.allSettled(flying), patience]).catch(() => undefined)
  }

  async function ask(trial: Trial, primaryMs: number): Promise<void> {
    const { flight } = trial
    const { shadow } = flight.endpoint.state
    if (!shadow) return
    const { model, releaseId, tolerance } = shadow
    const inputs = trial.inputs()
    const startedMs = clock.monotonicMs()
    try {
      const arm = arms.find(flight.endpoint, model) ?? (await arms.load(flight.endpoint, model))
      const answer = await trial.ask(arm)
      const shadowMs = clock.monotonicMs() - startedMs
      const agreement = compareAnswers(trial.primary, answer, tolerance)
      const times = { primaryMs, shadowMs }
      onLanding({ flight, releaseId, model, end: 'compared', ...agreement, inputs, ...times })
    } catch (thrown) {
      onLanding({
        flight,
        releaseId,
        model,
        end: 'failed',
        error: toGyreError(thrown).code,
        inputs,
      })
    }
  }

  function start(): void {
    working ??= work().finally(() => {
      working = undefined
      if (waiting.length > 0 && !stopping.signal.aborted) start()
    })
  }

  return {
    offer(trial, primaryMs) {
      const { flight } = trial
      const { shadow } = flight.endpoint.state
      if (!shadow || stopping.signal.aborted) return
      const { releaseId, model, sampleBp } = shadow
      if (sampleBp < BUCKETS && bucketOf(releaseId, flight.id) >= sampleBp) return
      if (waiting.length >= MAX_WAITING) {
        onLanding({ flight, releaseId, model, end: 'dropped' })
        return
      }
      waiting.push({ trial, primaryMs })
      start()
    },

    async close() {
      stopping.abort()
      waiting = []
      await working
    },
  }
}
