import type { Event } from '@gyre/sdk/wire/event'
import type { TriggerSpec } from '@gyre/sdk/wire/trigger'
import { z } from 'zod'
import { durationMs } from '../core/duration.ts'

/** A reason to fire, found once: the same key never fires the same trigger twice. */
export interface Cause {
  readonly key: string
  readonly kind: TriggerSpec['when'][number]['kind']
  readonly message: string
  /** Event time. */
  readonly atMs: number
  /** Why it must not fire although the condition holds. */
  readonly veto: string | undefined
}

/** The events that may fire a trigger, and the condition each meets. */
const CALLS: ReadonlyMap<string, 'drift' | 'quality'> = new Map([
  ['drift.detected', 'drift'],
  ['quality.degraded', 'quality'],
])

export function isCall({ type }: Event): boolean {
  return CALLS.has(type)
}

const Found = z.object({
  at: z.iso.datetime(),
  message: z.string(),
  partial: z.boolean(),
  brokenInput: z.boolean(),
})

/** Why an event of a monitor fires the trigger; undefined where it does not concern it. */
export function causeOfEvent(trigger: TriggerSpec, event: Event): Cause | undefined {
  const kind = CALLS.get(event.type)
  const isWatched = trigger.when.some(
    (when) => when.kind === kind && 'monitor' in when && when.monitor === event.subject.id,
  )
  if (!kind || !isWatched) return undefined
  const { at, message, partial, brokenInput } = Found.parse(event.data)
  // A window that was looked at before its end is judged again as a whole, and may fire then.
  if (partial) return undefined
  return {
    key: `event:${event.seq}`,
    kind,
    message,
    atMs: Date.parse(at),
    veto: brokenInput ? 'quarantined requests are mended, not learned from' : undefined,
  }
}

/** Since when a trigger counts: its last firing, or the endpoint's first prediction. */
export interface Since {
  readonly atMs: number
  readonly labels: number
}

/** Where the endpoint stands now. */
export interface Present {
  readonly watermarkMs: number
  /** Predictions whose label is known. */
  readonly labels: number
}

/** Why the passing of event time, or the coming of labels, fires the trigger now. */
export function causeOfProgress(
  trigger: TriggerSpec,
  since: Since,
  { watermarkMs, labels }: Present,
): Cause | undefined {
  for (const when of trigger.when) {
    if (when.kind === 'schedule') {
      const everyMs = durationMs(when.every, 'every')
      const periods = Math.floor((watermarkMs - since.atMs) / everyMs)
      if (periods < 1) continue
      const atMs = since.atMs + periods * everyMs
      const from = new Date(since.atMs).toISOString()
      const message = `${when.every} have passed since ${from}`
      return { key: `schedule:${since.atMs}`, kind: 'schedule', message, atMs, veto: undefined }
    }
    if (when.kind === 'new-data' && labels - since.labels >= when.labels) {
      const message = `${labels - since.labels} labels have come in`
      const key = `labels:${since.labels}`
      return { key, kind: 'new-data', message, atMs: watermarkMs, veto: undefined }
    }
  }
  return undefined
}
