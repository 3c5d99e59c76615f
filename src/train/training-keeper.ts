import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { deserialize, serialize } from 'node:v8'
import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { canonicalJson } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import type { LabelledRows } from './matrix.ts'

/** What makes a training the one that it is: the same gives the same model. */
export interface TrainingId {
  readonly algorithm: string
  readonly options: unknown
  readonly train: LabelledRows
}

/** The state of a training after a round: all that it needs to go on behind it. */
export interface TrainingState<S> {
  readonly rounds: number
  readonly state: S
}

/** Does the trainings of a step, and keeps what they have learned so far for the step's next attempt. */
export interface TrainingKeeper {
  /**
   * Runs a training to its end, from where it was cut off in an earlier attempt. Its process breathes in between, and
   * a step that is told to end does: throws UNAVAILABLE then.
   */
  run<S, M>(
    id: TrainingId,
    shape: z.ZodType<S>,
    start: (from: S | undefined) => Generator<TrainingState<S>, M>,
  ): Promise<M>
}

export interface TrainingKeeperDeps {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** The step is told to end. */
  readonly signal: AbortSignal
  /** Undefined in a step that does not go on after a kill. */
  readonly checkpoints: Checkpoints | undefined
}

interface Checkpoints {
  readonly everyMs: number
  /** What `save` was given last in an earlier attempt. */
  readonly resumed: Uint8Array | undefined
  /** `rounds` is how many rounds of all trainings there have been; false where there is no place for it. */
  readonly save: (rounds: number, bytes: Uint8Array) => Promise<boolean>
}

/** After so long without a breath a heartbeat is late, and a signal waits. */
const BREATH_MS = 100

const Saved = z.strictObject({
  format: z.literal('gyre-training/1'),
  trainings: z.map(z.string(), z.strictObject({ rounds: z.int().min(1), state: z.unknown() })),
})

export function createTrainingKeeper({
  clock,
  signal,
  checkpoints,
}: TrainingKeeperDeps): TrainingKeeper {
  const kept = new Map(checkpoints?.resumed && readSaved(checkpoints.resumed))
  let [savedRounds, savedMs] = [roundsOf(kept), clock.monotonicMs()]

  async function save(): Promise<void> {
    const rounds = roundsOf(kept)
    if (!checkpoints || rounds <= savedRounds) return
    const bytes = serialize({ format: 'gyre-training/1', trainings: kept })
    if (await checkpoints.save(rounds, bytes)) savedRounds = rounds
    savedMs = clock.monotonicMs()
  }

  return {
    async run(id, shape, start) {
      const name = checkpoints ? digestOf(id) : ''
      const before = kept.get(name)
      const training = start(before && shape.parse(before.state))
      for (let breathMs = clock.monotonicMs(); ;) {
        const round = training.next()
        if (round.done) return round.value
        if (checkpoints) kept.set(name, round.value)
        const nowMs = clock.monotonicMs()
        if (nowMs - breathMs >= BREATH_MS) {
          await nextTurn()
          breathMs = nowMs
        }
        if (signal.aborted) {
          await save()
          throw new GyreError(
            'UNAVAILABLE',
            `${id.algorithm} was told to end after ${round.value.rounds} rounds`,
          )
        }
        if (checkpoints && nowMs - savedMs >= checkpoints.everyMs) await save()
      }
    },
  }
}

function readSaved(bytes: Uint8Array): ReadonlyMap<string, TrainingState<unknown>> {
  return Saved.parse(deserialize(bytes)).trainings
}

function roundsOf(kept: ReadonlyMap<string, TrainingState<unknown>>): number {
  return [...kept.values()].reduce((sum, { rounds }) => sum + rounds, 0)
}

function digestOf({ algorithm, options, train: { matrix, labels } }: TrainingId): string {
  const hash = createHash('sha256')
  hash.update(canonicalJson({ algorithm, options, names: matrix.names, rows: matrix.rows }))
  for (const { buffer, byteOffset, byteLength } of [...matrix.columns, labels])
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  return hash.digest('hex')
}
