import { z } from 'zod'
import { Duration } from './ref.ts'

/**
 * A kind of failure: an error's code (`TIMEOUT`), the exit code or signal that a process ended with, or a text that
 * its message or its last lines hold, in capitals or not.
 */
export const RetryOn = z.union([
  z.string().min(1),
  z.strictObject({ exitCode: z.int().min(1).max(255) }),
  z.strictObject({ signal: z.string().regex(/^SIG[A-Z0-9]+$/, 'expected a signal like SIGKILL') }),
  z.strictObject({ message: z.string().min(1) }),
])
export type RetryOn = z.infer<typeof RetryOn>

const MaxRetries = z.number().int().min(0).max(10)

export const RetryPolicy = z.strictObject({
  max: MaxRetries,
  /** The nth retry waits first · factorⁿ⁻¹, but not longer than max, give or take the share `jitter`. */
  backoff: z.exactOptional(
    z.strictObject({
      first: Duration,
      factor: z.number().min(1).max(10),
      max: Duration,
      jitter: z.number().min(0).max(1),
    }),
  ),
  /** Other failures end the step at once; all are retried when absent. */
  on: z.exactOptional(z.array(RetryOn).min(1)),
})
export type RetryPolicy = z.infer<typeof RetryPolicy>

/** A plain number: so many, at once, whatever failed. */
export const Retries = z.union([MaxRetries, RetryPolicy])
export type Retries = z.infer<typeof Retries>
