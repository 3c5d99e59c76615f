import { z } from 'zod'

/** What a step takes of the machine that it runs on; no part of its cache key. */
export const Resources = z.strictObject({
  /** Cores; half of one is 0.5. */
  cpu: z.exactOptional(z.number().positive().max(1024)),
  /** Of all its processes together, at any time. */
  memoryBytes: z.exactOptional(z.int().positive()),
  /** Devices, each for this step alone. */
  gpu: z.exactOptional(z.int().min(1).max(64)),
})
export type Resources = z.infer<typeof Resources>
