import { expect, test } from 'vitest'
import { batchTurn } from './batch-turn.ts'

// By hand, from Triton's user guide, "Batchers": preferred sizes 4 and 8, at most 16 rows, a delay of 100 µs.
const SETTINGS = { preferredRows: [4, 8], maxDelayUs: 100 }

test.each([
  ['three wait for a fourth', 3, 0, { waitMs: 0.1 }],
  ['for what is left of the delay', 3, 0.06, { waitMs: expect.closeTo(0.04, 9) }],
  ['and go without it after the delay', 3, 0.1, { take: 3 }],
  ['four go at once', 4, 0, { take: 4 }],
  ['of five, four', 5, 0, { take: 4 }],
  ['of eleven, eight', 11, 0, { take: 8 }],
  ['more than a batch, a whole one', 20, 0, { take: 16 }],
])('%s', (_, rows, waitedMs, turn) => {
  expect(batchTurn(SETTINGS, { rows, waitedMs, maxRows: 16 })).toEqual(turn)
})

test('without preferred sizes a full batch goes at once, fewer after the delay', () => {
  const settings = { preferredRows: [], maxDelayUs: 100 }
  expect(batchTurn(settings, { rows: 16, waitedMs: 0, maxRows: 16 })).toEqual({ take: 16 })
  expect(batchTurn(settings, { rows: 15, waitedMs: 0, maxRows: 16 })).toEqual({ waitMs: 0.1 })
})
