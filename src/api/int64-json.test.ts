import { assert, jsonValue, property } from 'fast-check'
import { expect, test } from 'vitest'
import { parseInt64Json, stringifyInt64 } from './int64-json.ts'

test.each([
  ['{"step":9223372036854775807}', { step: '9223372036854775807' }],
  ['{"step": -9223372036854775808 }', { step: '-9223372036854775808' }],
  ['[9007199254740993,1]', ['9007199254740993', 1]],
  [
    '{"text":"id 9007199254740993 \\" 9007199254740993"}',
    { text: 'id 9007199254740993 " 9007199254740993' },
  ],
  ['9007199254740993', '9007199254740993'],
  ['[0.8414709848078965,-0.1234567890123456789]', [0.8414709848078965, -0.12345678901234568]],
  ['[1000000000000000000.5,0.5,-9007199254740993]', [1e18, 0.5, '-9007199254740993']],
  ['{"value":1.7976931348623157e+308}', { value: 1.7976931348623157e308 }],
])(
  'an integer that no double holds keeps its digits, and nothing else changes: %s',
  (text, value) => {
    expect(parseInt64Json(text)).toEqual(value)
  },
)

test('a bigint goes out as a bare integer, and what looks like one in a text stays text', () => {
  const reply = { step: 2n ** 63n - 1n, text: '9223372036854775807', none: undefined, list: [-5n] }
  expect(stringifyInt64(reply)).toBe(
    '{"step":9223372036854775807,"text":"9223372036854775807","list":[-5]}',
  )
})

test('any JSON without long integers reads as JSON.parse reads it', () => {
  const short = jsonValue().filter((value) => !/\d{16}/.test(JSON.stringify(value)))
  assert(
    property(short, (value) => {
      expect(parseInt64Json(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test.each(['{"a":1,}', '{"a":9223372036854775807', ''.padStart(50, '['), 'NaN'])(
  'what is no JSON is INVALID_ARGUMENT: %s',
  (text) => {
    expect(() => parseInt64Json(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  },
)

test('a text of megabytes beside a long integer is read', () => {
  const text = '\n'.repeat(4_000_000)
  const body = JSON.stringify({ text, step: 1 }).replace(':1}', ':9007199254740993}')
  expect(parseInt64Json(body)).toEqual({ text, step: '9007199254740993' })
})
