import type { ImportOutcome } from '@gyre/sdk/wire/import'
import type { Tally } from './tally.ts'

/** Puts down what became of one thing; true where it is here now. */
export function settle(
  tally: Tally,
  kind: string,
  what: string,
  outcome: ImportOutcome | undefined,
): boolean {
  if (outcome === 'imported' || outcome === 'there') {
    tally.settle(kind, outcome)
    return true
  }
  tally.refuse(kind, what, outcome?.refused ?? 'the server did not say what became of it')
  return false
}

/** Puts down what became of the parts of something, in their order. */
export function settleAll<T>(
  tally: Tally,
  kind: string,
  parts: readonly T[],
  outcomes: readonly ImportOutcome[],
  whatOf: (part: T) => string,
): void {
  for (const [i, part] of parts.entries()) settle(tally, kind, whatOf(part), outcomes[i])
}
