import { z } from 'zod'
import { Instant, Json, Name } from './ref.ts'

export const PredictRequest = z.strictObject({
  /** Names the thing predicted; decides the arm of a canary. Random per request when absent. */
  subject: z.exactOptional(z.union([z.string().min(1).max(256), z.number()])),
  /** Event time; the present when absent. */
  at: z.exactOptional(Instant),
  /** Request fields by name. */
  input: z.exactOptional(z.record(Name, Json)),
  /** The whole input vector in the order of the model's signature, instead of `input`. */
  features: z.exactOptional(z.array(z.number())),
})
export type PredictRequest = z.infer<typeof PredictRequest>

export const Variant = z.enum(['stable', 'canary', 'shadow'])
export type Variant = z.infer<typeof Variant>

export const PredictReply = z.strictObject({
  prediction_id: z.string(),
  /** The class or the value; of a graph also the label that it gives, or all its values. */
  prediction: z.union([z.number(), z.string(), z.array(z.number())]),
  /** Probability of the answered class; null where the model tells no class. */
  confidence: z.number().nullable(),
  /** Probability of class 1, or the value; null where the answer is not one number. */
  score: z.number().nullable(),
  model_version: z.string(),
  variant: Variant,
  quarantined: z.boolean(),
  reasons: z.array(z.string()),
})
export type PredictReply = z.infer<typeof PredictReply>

const NO_LABEL = 'expected 0 or 1'

export const FeedbackItem = z.strictObject({
  prediction_id: z.string().min(1).max(64),
  /** What came of it: 1 if it did, 0 if not. */
  label: z.int(NO_LABEL).min(0, NO_LABEL).max(1, NO_LABEL),
  /** When the label became known; the present when absent. */
  at: z.exactOptional(Instant),
})
export type FeedbackItem = z.infer<typeof FeedbackItem>

export const FeedbackRequest = z.union([
  FeedbackItem,
  z.strictObject({ items: z.array(FeedbackItem).min(1).max(10_000) }),
])
export type FeedbackRequest = z.infer<typeof FeedbackRequest>

export const FeedbackReply = z.strictObject({ accepted: z.number().int() })
export type FeedbackReply = z.infer<typeof FeedbackReply>
