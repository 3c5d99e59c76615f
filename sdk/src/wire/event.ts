import { z } from 'zod'
import { Json } from './ref.ts'

/** What an event or a row is about: `{ kind: 'model', id: 'churn@7' }`. */
export const Subject = z.strictObject({ kind: z.string().min(1), id: z.string().min(1) })
export type Subject = z.infer<typeof Subject>

/** A change of state, append-only; `hash` covers every other member and the event before it. */
export const Event = z.strictObject({
  /** Gapless from 1 over all projects; the cursor of every reader. */
  seq: z.number().int().positive(),
  id: z.string().min(1),
  at: z.iso.datetime(),
  /** `noun.verbed`: `model.promoted`, `drift.detected`. */
  type: z.string().regex(/^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/),
  actor: z.string().min(1),
  project: z.string().min(1),
  subject: Subject,
  data: z.record(z.string(), Json),
  /** 64 hexadecimal digits; 64 zeros before the first event. */
  prevHash: z.string().length(64),
  hash: z.string().length(64),
})
export type Event = z.infer<typeof Event>
