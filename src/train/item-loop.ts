import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ItemEnd, ItemWork } from '@gyre/sdk/wire/step'
import { GyreError } from '../core/errors.ts'
import { thrownFailure } from '../pipelines/thrown-failure.ts'

/** So much work is taken at a time: whoever dies under it has others do so much again. */
const AHEAD_MS = 50
/** What a report and a unit of the catalog hold without being long themselves. */
const MAX_AHEAD = 64
/** What an item may give, and half of what one report carries. */
const MAX_OUTPUT_BYTES = 256 * 1024
const MAX_REPORT_BYTES = 2 * MAX_OUTPUT_BYTES

type Made = Omit<Extract<ItemEnd, { status: 'succeeded' }>, 'item' | 'fence' | 'status'>

export interface ItemLoopDeps {
  /** Hands in what is done and asks for more; none when there are no more. */
  readonly exchange: (ended: readonly ItemEnd[], want: number) => Promise<readonly ItemWork[]>
  readonly perform: (item: ItemWork) => Promise<Made>
}

/**
 * Does items, one after the other, until there are no more or one has failed: what a failure leaves behind in a
 * process is not for the next item. What is done is handed in while the next one is under way, short items several at
 * a time. Throws what `exchange` throws.
 */
export async function workOnItems({ exchange, perform }: ItemLoopDeps): Promise<void> {
  const queue: ItemWork[] = []
  const done: { readonly end: ItemEnd; readonly bytes: number }[] = []
  let itemMs = Number.POSITIVE_INFINITY
  let isDry = false
  let sending: Promise<void> | undefined
  let failure: { readonly thrown: unknown } | undefined

  /** What fits into one report, oldest first. */
  function report(): ItemEnd[] {
    let [bytes, count] = [0, 0]
    for (const each of done) {
      if (count > 0 && bytes + each.bytes > MAX_REPORT_BYTES) break
      bytes += each.bytes
      count += 1
    }
    return done.splice(0, count).map(({ end }) => end)
  }

  function send(): void {
    const ahead = Math.min(MAX_AHEAD, Math.max(1, Math.floor(AHEAD_MS / itemMs)))
    const want = isDry ? 0 : Math.max(0, ahead - queue.length)
    sending = swap(want)
  }

  /** Goes on until nothing that is done is left untold. */
  async function swap(want: number): Promise<void> {
    try {
      const items = await exchange(report(), want)
      queue.push(...items)
      if (want > 0 && items.length === 0) isDry = true
    } catch (thrown) {
      failure = { thrown }
    }
    sending = undefined
    if (!failure && done.length > 0) send()
  }

  async function settle(): Promise<void> {
    for (let under = sending; under; under = sending) await under
    if (failure) throw failure.thrown
  }

  for (;;) {
    const item = queue.shift()
    if (!item) {
      if (!sending && isDry && done.length === 0) return
      if (!sending) send()
      await settle()
      continue
    }
    const startedMs = performance.now()
    const end = await endOf(item, perform)
    itemMs = performance.now() - startedMs
    done.push(end)
    if (end.end.status === 'failed') {
      isDry = true
      if (!sending) send()
      return settle()
    }
    // A step that only computes would let no answer in.
    await nextTurn()
    if (failure) throw failure.thrown
    if (!sending) send()
  }
}

async function endOf(
  work: ItemWork,
  perform: ItemLoopDeps['perform'],
): Promise<{ readonly end: ItemEnd; readonly bytes: number }> {
  const { item, fence } = work
  try {
    const made = await perform(work)
    const bytes = Buffer.byteLength(JSON.stringify(made))
    if (bytes > MAX_OUTPUT_BYTES)
      throw new GyreError(
        'STEP_FAILED',
        `gave ${bytes} bytes, of at most ${MAX_OUTPUT_BYTES}; let it keep a file and give its digest`,
      )
    return { end: { item, fence, status: 'succeeded', ...made }, bytes }
  } catch (thrown) {
    const error = thrownFailure(thrown)
    return { end: { item, fence, status: 'failed', error }, bytes: error.message.length }
  }
}
