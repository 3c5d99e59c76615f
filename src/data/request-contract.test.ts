import type { ColumnContract } from '@gyre/sdk/wire/dataset'
import { expect, test } from 'vitest'
import { checkMatch, compileRequest } from './request-contract.ts'

const wrong: readonly [string, ColumnContract['type'], unknown, RegExp][] = [
  ['a text', 'int', '7', /expected a whole number, got "7"/],
  ['a fraction', 'int', 1.5, /expected a whole number, got 1.5/],
  ['a number too large to be exact', 'int', 2 ** 53, /expected a whole number/],
  ['infinity', 'number', Infinity, /expected a number, got Infinity/],
  ['minus infinity', 'int', -Infinity, /expected a whole number, got -Infinity/],
  ['a number', 'text', 7, /expected a text, got 7/],
  ['a one', 'boolean', 1, /expected true or false, got 1/],
  ['a day', 'timestamp', '2001-02-01', /expected an ISO-8601 instant/],
  ['a time without offset', 'timestamp', '2001-02-01T00:00:00', /expected an ISO-8601 instant/],
  ['a 13th month', 'timestamp', '2001-13-01T00:00:00Z', /expected an ISO-8601 instant/],
  ['a list', 'number', [1], /expected a number, got \[1\]/],
  ['null', 'int', null, /missing; expected a whole number/],
  ['nothing', 'int', undefined, /missing; expected a whole number/],
]

test.each(wrong)('%s is an error where %s is expected', (_, type, value, message) => {
  expect(compileRequest({ x: { type } }).parse({ x: value })).toEqual({
    ok: false,
    errors: [{ path: 'x', message: expect.stringMatching(message) }],
  })
})

test('every wrong field is named, unknown ones too, and long values are cut', () => {
  const contract = compileRequest({ x: { type: 'int' }, y: { type: 'int' } })
  const parsed = contract.parse({ x: 'a'.repeat(10_000), constructor: 1 })
  expect(parsed).toMatchObject({
    ok: false,
    errors: [
      { path: 'x' },
      { path: 'y' },
      { path: 'constructor', message: /unknown field; expected x, y/ },
    ],
  })
  expect(JSON.stringify(parsed).length).toBeLessThan(500)
})

test('fields come in the order of the contract, whatever the order of the body', () => {
  const contract = compileRequest({
    at: { type: 'timestamp' },
    late: { type: 'boolean' },
    origin: { type: 'text' },
    distance: { type: 'number', nullable: true },
  })
  expect(contract.keys).toEqual(['at', 'late', 'origin', 'distance'])
  expect(contract.parse({ origin: 'ORD', late: true, at: '2001-02-01T02:00:00+02:00' })).toEqual({
    ok: true,
    fields: [Date.UTC(2001, 1, 1), 1, 'ORD', null],
    broken: [],
  })
})

test('a broken bound is a reason to quarantine, not an error; the bounds themselves comply', () => {
  const contract = compileRequest({
    distance: { type: 'int', min: 10, max: 5000 },
    origin: { type: 'text', pattern: '^[A-Z]{3}$' },
    kind: { type: 'text', oneOf: ['a', 'b'] },
  })
  const broken = (body: object) => {
    const parsed = contract.parse({ distance: 10, origin: 'ORD', kind: 'a', ...body })
    return parsed.ok && parsed.broken
  }
  expect(broken({})).toEqual([])
  expect(broken({ distance: 5000 })).toEqual([])
  expect(broken({ distance: 9 })).toEqual(['distance: 9 is below 10'])
  expect(broken({ distance: 5001 })).toEqual(['distance: 5001 is above 5000'])
  expect(broken({ origin: 'ord', kind: 'c' })).toEqual([
    'origin: "ord" is not like ^[A-Z]{3}$',
    'kind: "c" is not one of a, b',
  ])
})

test('a value must lie within the relative distance of what is known, where something is known', () => {
  const matches = { view: 'pair', feature: 'distance', within: 0.02 }
  const [rule] = compileRequest({
    origin: { type: 'text' },
    distance: { type: 'number', matches },
  }).matches
  if (!rule) throw new Error('expected a rule')
  expect(rule).toEqual({ ...matches, field: 'distance', index: 1 })
  expect(checkMatch(rule, 1000, 1000)).toBeUndefined()
  expect(checkMatch(rule, 1020, 1000)).toBeUndefined()
  expect(checkMatch(rule, 1021, 1000)).toMatch(
    /distance: 1021 is not within 2 % of pair:distance \(1000\)/,
  )
  expect(checkMatch(rule, 1609.344, 1000)).toBeDefined() // a mile in kilometres
  expect(checkMatch(rule, 1000, null)).toBeUndefined()
  expect(checkMatch(rule, null, 1000)).toBeUndefined()
})
