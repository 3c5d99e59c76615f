import type { Approval } from '@gyre/sdk/wire/model'
import { expect, test } from 'vitest'
import { approvalLines } from './approval-text.ts'

const given = (actor: string, day: number, note = ''): Approval => ({
  actor,
  decision: 'approved',
  note,
  at: `2001-02-0${day}T00:00:00.000Z`,
})
const rejected = (actor: string, day: number, note = ''): Approval => ({
  ...given(actor, day, note),
  decision: 'rejected',
})

test('everybody who approved is named, whoever did so twice once', () => {
  expect(
    approvalLines([given('ada', 1), given('bob', 2, 'fine'), given('ada', 3, 'still')]),
  ).toEqual(['ada at 2001-02-03T00:00:00.000Z: still', 'bob at 2001-02-02T00:00:00.000Z: fine'])
})

test('a rejection is no approval, and takes back those before it', () => {
  const told = 'nobody; rejected by bob at 2001-02-02T00:00:00.000Z: leaks'
  expect(approvalLines([given('ada', 1), rejected('bob', 2, 'leaks')])).toEqual([told])
  expect(approvalLines([given('ada', 1), rejected('bob', 2), given('cleo', 3)])).toEqual([
    'cleo at 2001-02-03T00:00:00.000Z',
  ])
})

test('where nobody decided, nobody approved', () => {
  expect(approvalLines([])).toEqual(['nobody'])
})
