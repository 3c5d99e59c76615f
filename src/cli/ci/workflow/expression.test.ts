import { expect, test } from 'vitest'
import { evaluate, holds, interpolate, type Scope } from './expression.ts'

const scope = (hasFailed = false): Scope => ({
  values: {
    github: { ref: 'refs/heads/main', ref_name: 'main' },
    vars: { GYRE_URL: 'http://gyre:7400' },
    secrets: {},
  },
  hasFailed,
})

// As GitHub's documentation has it ("Evaluate expressions in workflows and actions").
test.each<[string, unknown]>([
  ["github.ref == 'refs/heads/main'", true],
  ["github.ref == 'REFS/heads/MAIN'", true],
  ["github.ref != 'refs/heads/main'", false],
  ["github.ref_name == 'main' && vars.GYRE_URL", 'http://gyre:7400'],
  ["secrets.NONE || 'none'", 'none'],
  ["!(github.ref_name == 'main')", false],
  ["startsWith(github.ref, 'refs/tags/') || endsWith(github.ref, 'main')", true],
  ["contains('Hello world', 'WORLD')", true],
  ["'it''s'", "it's"],
  ['1 == 1.0', true],
  ["'' == 0", true],
  ['null', null],
])('%s is %j', (text, value) => {
  expect(evaluate(text, scope())).toEqual(value)
})

test.each([
  ['github.ref ==', 'expected a value, got its end'],
  ['matrix.os', 'matrix is not known here'],
  ['hashFiles(github.ref)', 'hashFiles() is not known here'],
  ["github.ref == 'open", "cannot be read from  'open"],
  ['(github.ref', 'expected )'],
  ['github.ref github.ref', 'unexpected github'],
])('%s is refused: %s', (text, reason) => {
  expect(() => evaluate(text, scope())).toThrow(reason)
})

test('what follows a failure is done where it asks for it, and only there', () => {
  const conditions = [undefined, 'true', "github.ref_name == 'main'", 'always()', 'failure()']
  expect(conditions.map((condition) => holds(condition, scope()))).toEqual([
    true,
    true,
    true,
    true,
    false,
  ])
  expect(conditions.map((condition) => holds(condition, scope(true)))).toEqual([
    false,
    false,
    false,
    true,
    true,
  ])
})

test('an unset variable is an empty text', () => {
  expect(interpolate('${{ vars.GYRE_URL }}/${{ vars.NONE }}', scope())).toBe('http://gyre:7400/')
})
