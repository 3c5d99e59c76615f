import { Double } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { Done, type Station } from './station.ts'

/** Metrics are seen this late at the most, where a step lets its process breathe. */
const SEND_MS = 1_000

/** As many points as one request may carry. */
const MAX_POINTS = 10_000

/** Sends points of the step's run, those of a second together. */
export function createMetricSender({ client, path, fence }: Station) {
  const points: { readonly key: string; readonly value: unknown; readonly step?: number }[] = []
  let sending = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  async function send(): Promise<void> {
    while (points.length > 0)
      await client.post(`${path}/metrics`, { fence, points: points.splice(0, MAX_POINTS) }, Done)
  }

  /** What could not be sent fails the last call. */
  function flush(): Promise<void> {
    sending = sending.then(send)
    return sending
  }

  /** Soon, and together with what comes until then. */
  function sendSoon(): void {
    timer ??= setTimeout(() => {
      timer = undefined
      flush().catch(() => undefined)
    }, SEND_MS).unref()
  }

  return {
    add: (key: string, value: number, step?: number): void => {
      const sent = z.encode(Double, value)
      points.push(step === undefined ? { key, value: sent } : { key, value: sent, step })
      sendSoon()
    },
    flush,
  }
}

export type MetricSender = ReturnType<typeof createMetricSender>
