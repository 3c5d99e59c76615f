import type { Approval } from '@gyre/sdk/wire/model'
import { expect, test } from 'vitest'
import { approvalLines } from './approval-text.ts'

const given = (actor: string, day: number, note = ''): Approval => ({
  actor,
  decision: 'approved',
  note,
  gates: [],
  at: `2001-02-0${day}T00:00:00.000Z`,
})
const rejected = (actor: string, day: number, note = ''): Approval => ({
  ...given(actor, day, note),
  decision: 'rejected',
})

test('everybody whose approval counts is named, whoever approved twice once', () => {
  const approvals = [given('ada', 1), given('bob', 2, 'fine'), given('ada', 3, 'still')]
  expect(approvalLines(approvals, approvals)).toEqual([
    'ada at 2001-02-03T00:00:00.000Z: still',
    'bob at 2001-02-02T00:00:00.000Z: fine',
  ])
})

test('where no approval counts, the last decision tells why', () => {
  expect(approvalLines([], [given('ada', 1), rejected('bob', 2, 'leaks')])).toEqual([
    'nobody; rejected by bob at 2001-02-02T00:00:00.000Z: leaks',
  ])
  expect(approvalLines([], [rejected('bob', 2), given('ada', 3, 'fine')])).toEqual([
    'nobody; other gates have judged it since ada at 2001-02-03T00:00:00.000Z: fine',
  ])
  expect(approvalLines([], [])).toEqual(['nobody'])
})
