import { z } from 'zod'
import { GyreError, invalidInput, toGyreError, type ErrorCode } from '../core/errors.ts'
import type { Sleep } from '../core/sleep.ts'
import { eventTimeMs } from '../predictions/event-time.ts'
import type { Said } from '../serve/ask-arm.ts'
import type { HeldArm } from '../serve/held-arm.ts'
import type { AnswerKind, RowAnswer } from '../serve/row-answer.ts'

/** As many as an inference batch holds: more would not be answered sooner, and only wait in memory. */
const ROWS_IN_FLIGHT = 32

/** How long a row waits before it asks again a model that is overloaded or recovers. */
const ASK_AGAIN_MS = 250

/** A row of the file, as a request. */
export interface BatchRow {
  /** From 0, in the file. */
  readonly row: number
  /** JSON. */
  readonly input: string
  /** ISO-8601; undefined where the file says none. */
  readonly at: string | undefined
}

/** What goes into the file of answers for one row; members as its columns are called. */
export type ScoredRow =
  | {
      readonly row: number
      readonly prediction: RowAnswer['prediction']
      readonly confidence: number | null
      readonly score: number | null
      readonly reasons: readonly string[]
    }
  | { readonly row: number; readonly error: ErrorCode; readonly error_message: string }

export interface ScoreDeps {
  readonly held: HeldArm
  /** The event time of rows that have none of their own, epoch milliseconds. */
  readonly atMs: number
  readonly sleep: Sleep
  readonly signal: AbortSignal
}

/**
 * Answers rows in their order, so many at a time. A row that cannot be answered is answered by its error and takes no
 * other with it; a full queue is waited for. Throws CANCELLED when `signal` aborts, and then no answer of it counts.
 */
export async function scoreRows(
  deps: ScoreDeps,
  rows: readonly BatchRow[],
): Promise<readonly ScoredRow[]> {
  const scored: ScoredRow[] = []
  let next = 0
  let pause: Promise<void> | undefined
  // One wait for all rows: the model is as busy for each of them.
  const wait = (): Promise<void> =>
    (pause ??= deps.sleep(ASK_AGAIN_MS, deps.signal).finally(() => (pause = undefined)))
  async function work(): Promise<void> {
    for (let place = next++; place < rows.length; place = next++) {
      const row = rows[place]
      if (row) scored[place] = await scoreRow(deps, row, wait)
    }
  }
  await Promise.all(Array.from({ length: ROWS_IN_FLIGHT }, work))
  return scored
}

async function scoreRow(
  deps: ScoreDeps,
  row: BatchRow,
  wait: () => Promise<void>,
): Promise<ScoredRow> {
  const { held, signal } = deps
  for (;;) {
    const said = await ask(deps, row).catch(toGyreError)
    if (signal.aborted) throw new GyreError('CANCELLED', `${held.model}: the job was stopped`)
    if ('answer' in said) return toScored(row, said, held.answers)
    if (!passes(said, held)) return toFailed(row, said)
    await wait()
  }
}

async function ask({ held, atMs }: ScoreDeps, { input, at }: BatchRow): Promise<Said> {
  const request = { subject: undefined, at, input: parse(input), features: undefined }
  return held.answer(request, at === undefined ? atMs : eventTimeMs(at, 'at', atMs))
}

function parse(input: string): Readonly<Record<string, unknown>> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(input))
  } catch (cause) {
    throw invalidInput('input', 'holds a number that JSON has none for: NaN or an infinite one', cause) // prettier-ignore
  }
}

/** Not for good: a queue that is full, a model that kept killing its worker and is tried again later. */
function passes({ code }: GyreError, held: HeldArm): boolean {
  return code === 'OVERLOADED' || (code === 'UNAVAILABLE' && held.failed !== undefined)
}

function toScored(row: BatchRow, { answer, reasons }: Said, kind: AnswerKind): ScoredRow {
  const { confidence, score } = answer
  const prediction = ofKind(answer.prediction, kind)
  if (prediction !== undefined) return { row: row.row, prediction, confidence, score, reasons }
  const message = `the answer ${JSON.stringify(answer.prediction)} is of another kind than the graph declares (${kind})`
  return toFailed(row, new GyreError('MODEL_FAILED', message))
}

/** Undefined where a column of that kind has no room for it. */
function ofKind(
  prediction: RowAnswer['prediction'],
  kind: AnswerKind,
): RowAnswer['prediction'] | undefined {
  switch (kind) {
    case 'number':
      return typeof prediction === 'number' ? prediction : undefined
    case 'text':
      return typeof prediction === 'string' ? prediction : undefined
    case 'numbers':
      return typeof prediction === 'string' ? undefined : [prediction].flat()
  }
}

function toFailed({ row }: BatchRow, { code, message }: GyreError): ScoredRow {
  return { row, error: code, error_message: message }
}
