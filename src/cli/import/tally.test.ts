import { expect, test } from 'vitest'
import { createTally, printReport } from './tally.ts'

test('a report says of everything that was found what became of it, and why what is not here is not', () => {
  const tally = createTally()
  tally.find('runs', 3)
  tally.settle('runs', 'imported', 2)
  tally.refuse('runs', 'run a', 'its id is taken')
  tally.find('params', 5)
  tally.settle('params', 'there', 4)
  tally.drop('params', 1)
  tally.leave('telemetry', 'nobody reads it', 2)
  tally.leave('alerts', 'nobody reads it')
  tally.leave('nothing', 'there is none', 0)
  tally.miss('points', 'loss, line 3', 'no number')
  const report = tally.report()
  for (const { found, imported, there, leftOut, refused } of Object.values(report.counts))
    expect(imported + there + leftOut + refused).toBe(found)
  expect(printReport(report)).toBe(
    [
      '           found  imported  already there  left out  refused',
      'runs           3         2              0         0        1',
      'params         5         0              4         0        1',
      'telemetry      2         0              0         2        0',
      'alerts         1         0              0         1        0',
      'points         1         0              0         0        1',
      'left out: telemetry, alerts: nobody reads it',
      'refused: runs: run a: its id is taken',
      'refused: points: loss, line 3: no number',
      '3 refused',
    ].join('\n'),
  )
})

test('more refusals than anybody reads are counted all, and told as far as they are kept', () => {
  const tally = createTally()
  for (let line = 0; line < 10_050; line++) tally.miss('points', `line ${line}`, 'no number')
  const report = tally.report()
  expect(report.refused).toBe(10_050)
  expect(report.refusals).toHaveLength(10_000)
  expect(printReport(report).split('\n').slice(-2)).toEqual([
    '… and 9950 more; --json FILE has them',
    '10050 refused',
  ])
})
