/** A batch that ends sooner than this is not worth splitting: a thread hop costs about 0.1 ms. */
const UNSPLIT_MS = 1

/**
 * How many of `waiting` rows the next free worker takes: an even share for each of `freeWorkers`, but
 * at least what it answers within a millisecond at `rowMs` a row, and never more than `maxBatch`.
 */
export function batchSize(
  waiting: number,
  freeWorkers: number,
  rowMs: number,
  maxBatch: number,
): number {
  const share = Math.ceil(waiting / Math.max(1, freeWorkers))
  const quick = rowMs > 0 ? Math.floor(UNSPLIT_MS / rowMs) : 1
  return Math.min(waiting, maxBatch, Math.max(share, quick))
}
