import { expect, test } from 'vitest'
import { readJunit } from './junit-read.ts'
import { gateOf, reportOf, type CiCheck, type CiGate } from './report.ts'
import { reportJunit } from './report-junit.ts'
import { reportMarkdown } from './report-markdown.ts'
import { reportText } from './report-text.ts'

const refused: CiCheck = {
  name: 'auc',
  status: 'failed',
  rule: '≥ 0.65',
  value: 0.62,
  bound: 0.65,
  interval: { lower: 0.6012345, upper: 0.64 },
  reason: '0.62 is not ≥ 0.65',
}
const odd: CiCheck = {
  name: 'a <b> | "c" & \u0007d',
  status: 'failed',
  reason: 'two\nlines | of *it*',
}
const passed: CiCheck = { name: 'ok', status: 'passed', reason: 'ended with 0' }
const skipped: CiCheck = { name: 'later', status: 'skipped', reason: 'no GPU' }
const gates = [
  gateOf('code', 'tests', 'npm test', [passed, skipped, odd]),
  gateOf('model', 'churn@3 by worth-shipping', '484 rows', [refused]),
]

const statusOf = (checks: readonly CiCheck[]): CiGate['status'] =>
  gateOf('data', 'x', '', checks).status

test('one failed check fails its gate, and a gate its report; what was skipped does not', () => {
  expect([[passed, refused], [passed, skipped], [skipped], []].map(statusOf)).toEqual([
    'failed',
    'passed',
    'skipped',
    'skipped',
  ])
  expect(reportOf('churn', null, gates).passed).toBe(false)
  expect(reportOf('churn', null, [gateOf('code', 'tests', '', [skipped])]).passed).toBe(true)
})

test('the terminal says which gates failed, and why, with numbers and bounds', () => {
  const text = reportText(reportOf('churn', null, gates))
  expect(text).toContain('churn on a server of its own, empty before')
  expect(text).toContain(
    'model churn@3 by worth-shipping failed:\n  auc: 0.62 is not ≥ 0.65 [95 % 0.6012 to 0.64]',
  )
  expect(text).toMatch(/\n\nrefused: 2 of 2 gates failed$/)
})

test('the JUnit report holds every check, whatever is in its texts', () => {
  const text = reportJunit(reportOf('churn & co', null, gates))
  expect(text).toContain(
    '<testsuites name="churn &amp; co" tests="4" failures="2" errors="0" skipped="1">',
  )
  expect(text).toContain('<system-out>95 % interval: 0.6012 to 0.64</system-out></testcase>')
  expect(readJunit(text)).toEqual([
    { name: 'code tests > ok', outcome: 'passed', message: '' },
    { name: 'code tests > later', outcome: 'skipped', message: 'no GPU' },
    {
      name: 'code tests > a <b> | "c" & d',
      outcome: 'failed',
      message: 'two\nlines | of *it*',
    },
    {
      name: 'model churn@3 by worth-shipping > auc ≥ 0.65',
      outcome: 'failed',
      message: '0.62 is not ≥ 0.65',
    },
  ])
})

test('Markdown keeps a check on its line, and shows marks as they are', () => {
  const text = reportMarkdown(reportOf('churn', null, gates))
  expect(text).toContain(
    '## ❌ churn: refused, 2 of 2 gates failed\n\nOn a server of its own, which has no champion',
  )
  const one = reportMarkdown(reportOf('churn', 'http://gyre:7400', gates.slice(0, 1)))
  expect(one).toContain('## ❌ churn: refused, 1 of 1 gate failed\n\n### ')
  expect(text).toContain('two<br>lines \\| of \\*it\\* |')
  expect(text).toContain('| ❌ | auc | ≥ 0.65 | 0.62 | 0.6012 to 0.64 | 0.62 is not ≥ 0.65 |')
})
