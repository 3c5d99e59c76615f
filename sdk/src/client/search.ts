import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { GyreClient } from '../client.ts'
import {
  Asked,
  Study,
  Trial,
  TrialEnd,
  TrialReport,
  type StudySpec,
  type TrialParams,
} from '../wire/study.ts'
import { throughOutage } from './outage.ts'
import { RequestError } from './request-error.ts'

/** A trial as the function that tries its parameters sees it. */
export interface RunningTrial {
  readonly number: number
  readonly params: TrialParams
  /** The run that holds its parameters and metrics; more may be logged to it. */
  readonly run: string
  /** Aborted when the trial was given to another worker, or the search is called off. */
  readonly signal: AbortSignal
  /** Says how well it goes at a step. Throws what ends it as pruned when it is not worth more steps: let it pass. */
  readonly report: (step: number, value: number) => Promise<void>
  /** Calls again while the server does not answer: it may be starting anew. */
  readonly patiently: <T>(call: () => Promise<T>) => Promise<T>
}

/** What a trial came to, and the run that did its work where that is another. */
export interface TrialResult {
  readonly value: number
  readonly by?: string
}

export interface SearchOptions {
  readonly signal?: AbortSignal
  /** After each trial that this process has ended. */
  readonly onTrial?: (trial: Trial) => void
  /** A server that does not answer is asked again for so long; two minutes unless told. */
  readonly outageMs?: number
}

/** How soon a worker asks again when all trials run. */
const ASK_AGAIN_MS = 250

/**
 * Searches with as many workers as the study runs in parallel, until it is done; a study that was begun goes on. A trial
 * whose `objective` throws has failed. Throws RequestError, and what `signal` was aborted with.
 */
export async function search(
  client: GyreClient,
  spec: z.input<typeof StudySpec>,
  objective: (trial: RunningTrial) => Promise<number | TrialResult>,
  { signal = new AbortController().signal, onTrial, outageMs = 120_000 }: SearchOptions = {},
): Promise<Study> {
  const study = await client.post('/api/v1/studies', spec, Study)
  const path = `/api/v1/studies/${encodeURIComponent(study.name)}`
  const failed = new AbortController()
  const ending = AbortSignal.any([signal, failed.signal])
  const patiently = <T>(call: () => Promise<T>): Promise<T> => throughOutage(call, outageMs, ending)

  async function work(): Promise<void> {
    for (;;) {
      ending.throwIfAborted()
      const asked = await patiently(() => client.post(`${path}/ask`, undefined, Asked))
      if (asked.state === 'done') return
      if (asked.state === 'wait') await delay(ASK_AGAIN_MS, undefined, { signal: ending })
      else await tryOne(asked)
    }
  }

  async function tryOne(asked: Extract<Asked, { state: 'trial' }>): Promise<void> {
    const { number, params, run, fence, patienceMs } = asked
    const trial = `${path}/trials/${number}`
    const lost = new AbortController()
    const heart = setInterval(() => {
      client.post(`${trial}/heartbeat`, { fence }, z.strictObject({})).catch((error: unknown) => {
        if (isFenced(error)) lost.abort(error)
      })
    }, patienceMs / 3)
    try {
      const attempt = () =>
        objective({
          number,
          params,
          run,
          signal: AbortSignal.any([ending, lost.signal]),
          patiently,
          async report(step, value) {
            const told = z.strictObject({ stop: z.boolean() })
            const body = z.encode(TrialReport, { fence, step, value })
            const { stop } = await patiently(() => client.post(`${trial}/report`, body, told))
            if (stop) throw new Pruned()
          },
        })
      const end = await endOf(attempt, fence)
      ending.throwIfAborted()
      const body = z.encode(TrialEnd, end)
      const told = await patiently(() => client.post(`${trial}/tell`, body, Trial))
      onTrial?.(told)
    } catch (error) {
      if (!isFenced(error)) throw error
    } finally {
      clearInterval(heart)
    }
  }

  const workers = Array.from({ length: study.parallel }, () =>
    work().catch((error: unknown) => {
      failed.abort(error)
      throw error
    }),
  )
  await Promise.all(workers)
  return patiently(() => client.get(path, Study))
}

/** What ends an objective whose trial is not worth more steps. */
class Pruned extends Error {
  override readonly name = 'Pruned'
}

async function endOf(
  attempt: () => Promise<number | TrialResult>,
  fence: number,
): Promise<TrialEnd> {
  try {
    const result = await attempt()
    return typeof result === 'number'
      ? { state: 'finished', fence, value: result }
      : { state: 'finished', fence, ...result }
  } catch (error) {
    if (error instanceof Pruned) return { state: 'pruned', fence }
    if (isFenced(error)) throw error
    const message = error instanceof Error ? error.message : String(error)
    return { state: 'failed', fence, message }
  }
}

/** The trial is no longer this worker's. */
function isFenced(error: unknown): boolean {
  return error instanceof RequestError && error.code === 'FENCED'
}
