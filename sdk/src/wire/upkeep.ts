import { z } from 'zod'
import { Duration } from './ref.ts'

/** What is asked of a gc; it only tells unless `delete` is true. */
export const GcRequest = z.strictObject({
  delete: z.boolean().default(false),
  /** What was deleted so long ago counts as gone. */
  deletedBefore: Duration.default('30d'),
  /** Bytes that were put, or asked for, more recently are left: somebody may be about to name them. */
  unusedFor: Duration.default('24h'),
})
export type GcRequest = z.infer<typeof GcRequest>

const Count = z.number().int().nonnegative()

/** Some files and what they take. */
const Pile = z.strictObject({ files: Count, bytes: Count })

/** What a gc has freed, or would free. */
export const GcReport = z.strictObject({
  /** False where it only tells. */
  deleted: z.boolean(),
  free: z.strictObject({
    /** Blobs that nothing names. */
    unnamed: Pile,
    /** Blobs that only deleted things name. */
    ofDeleted: Pile,
    /** Uploads in parts that nobody went on with for a day. */
    uploads: Pile,
    /** Files that somebody began to write and never finished. */
    unfinished: Pile,
  }),
  /** Runs and logged models with files whose deletion is long enough ago. */
  gone: z.strictObject({ runs: Count, loggedModels: Count }),
  kept: z.strictObject({
    named: Pile,
    /** Named by nothing, but too fresh. */
    fresh: Pile,
  }),
})
export type GcReport = z.infer<typeof GcReport>
