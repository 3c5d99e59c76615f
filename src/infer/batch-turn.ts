import type { RunSettings } from '@gyre/sdk/wire/endpoint'

export interface Waiting {
  readonly rows: number
  /** How long the oldest has waited. */
  readonly waitedMs: number
  /** The most rows of a batch. */
  readonly maxRows: number
}

/** What to do with the rows that wait for company. */
export type Turn = { readonly take: number } | { readonly waitMs: number }

/**
 * Triton's dynamic batcher: the largest preferred batch that is there goes at once (without any, only a full one), and
 * what is there goes when its oldest has waited for `maxDelayUs`.
 */
export function batchTurn(
  { preferredRows, maxDelayUs }: Pick<RunSettings, 'preferredRows' | 'maxDelayUs'>,
  { rows, waitedMs, maxRows }: Waiting,
): Turn {
  if (rows >= maxRows) return { take: maxRows }
  const preferred = preferredRows.findLast((size) => size <= rows)
  if (preferred !== undefined) return { take: preferred }
  const leftMs = maxDelayUs / 1_000 - waitedMs
  return leftMs > 0 ? { waitMs: leftMs } : { take: rows }
}

/** Whether sizes or a delay were told, by which batches are made. */
export function takesTurns(runs: RunSettings | undefined): runs is RunSettings {
  return runs !== undefined && runs.shares && (runs.maxDelayUs > 0 || runs.preferredRows.length > 0)
}
