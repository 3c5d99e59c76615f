import { expect } from 'vitest'
import { labelledBy, type Asked, type Kept, type Ledger } from './traffic.ts'

/** Names of those that were answered, before `untilMs` when given. */
export const acked = (asked: ReadonlyMap<string, Asked>, untilMs = Infinity) =>
  [...asked.values()].flatMap(({ name, ackedMs }) =>
    ackedMs !== undefined && ackedMs < untilMs ? [name] : [],
  )

export const without = (names: Iterable<string>, kept: ReadonlySet<string>) =>
  [...names].filter((name) => !kept.has(name))

/** Of each batch of labels none or all are there, and all of those that were answered before `untilMs`. */
export function checkBatches(ledger: Ledger, { labelled }: Kept, untilMs = Infinity): void {
  const batches = [...ledger.batches.values()].map(({ name, ackedMs }) => {
    const ids = labelledBy(ledger, Number(name))
    const there = ids.filter((id) => labelled.has(id)).length
    return { name, isAcked: ackedMs !== undefined && ackedMs < untilMs, there, of: ids.length }
  })
  expect(batches.filter(({ there, of }) => there !== 0 && there !== of)).toEqual([])
  expect(batches.filter(({ isAcked, there }) => isAcked && there === 0)).toEqual([])
}
