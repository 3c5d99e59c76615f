import { expect, test } from 'vitest'
import { parsePythonJson } from './python-json.ts'

const number = (digits: string) => ({ digits })

test('what Python would not read is refused', () => {
  for (const text of [
    '',
    '{',
    '[1,]',
    '01',
    '1.',
    '1e',
    '--1',
    'nan',
    "{'a': 1}",
    '{"a" 1}',
    '"\n"',
  ])
    expect(() => parsePythonJson(text)).toThrow(SyntaxError)
})

// As `json.dumps` of Python 3.11 writes them.
test('numbers keep their digits, texts and keys that look like numbers stay texts', () => {
  const text =
    '{"__proto__": [1, 1.0, -0.0, 1e-300, 1152921504606846976, 1e+22, NaN, Infinity, -Infinity],' +
    ' "12": "34", "n": ["NaN", "\\"5\\"", "\\\\", "\\u0000number:7"], "t": [true, false, null, {}]}'
  expect(parsePythonJson(text)).toEqual(
    new Map<string, unknown>([
      [
        '__proto__',
        ['1', '1.0', '-0.0', '1e-300', '1152921504606846976', '1e+22', 'NaN', 'Infinity', '-Infinity'].map(number), // prettier-ignore
      ],
      ['12', '34'],
      ['n', ['NaN', '"5"', '\\', '\0number:7']],
      ['t', [true, false, null, new Map()]],
    ]),
  )
})
