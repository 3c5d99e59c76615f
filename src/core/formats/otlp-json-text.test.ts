import { describe, expect, test } from 'vitest'
import { decodeJsonTexts, unquoted } from './otlp-json-text.ts'

const text = (key: string, string_value: string) => ({ key, value: { string_value } })

/** What a text is read as by itself. */
function read(given: string): unknown {
  return decodeJsonTexts([text('a', given)])[0]?.value
}

describe('what is no JSON list, object or string stays the text it is', () => {
  test.each([
    ['nothing', ''],
    ['words', 'hello'],
    ['a number', '1'],
    ['a truth', 'true'],
    ['null', 'null'],
    ['a brace', '{'],
    ['half an object', '{"a": 1'],
    ['an object and more', '{"a": 1} x'],
    ['a number that is none', '[01]'],
    ['an object of Python', "{'a': 1}"],
    ['NaN, which Python writes', '{"a": NaN}'],
    ['a text with NUL, by which numbers are marked', String.raw`{"a": "\u00005"}`],
    ['an open quote', '"'],
    ['lists too deep for any reader of protobuf', '['.repeat(25) + ']'.repeat(25)],
    ['objects too deep', '{"a":'.repeat(25) + '1' + '}'.repeat(25)],
    ['a hundred thousand levels', '['.repeat(100_000) + ']'.repeat(100_000)],
  ])('%s', (_what, given) => {
    expect(read(given)).toEqual({ string_value: given })
  })
})

test('a text that is a list, an object or a string is read, to the digit', () => {
  expect(read('"a \\"b\\" \\u65e5"')).toEqual({ string_value: 'a "b" 日' })
  expect(read(' [1, 1.0, -0.0, 1e400, -1e400, 9223372036854775807, 9223372036854775808]')).toEqual({
    array_value: {
      values: [
        { int_value: 1n },
        { double_value: 1 },
        { double_value: -0 },
        { double_value: 'Infinity' },
        { double_value: '-Infinity' },
        { int_value: 2n ** 63n - 1n },
        { double_value: 2 ** 63 },
      ],
    },
  })
  expect(read('{"q": null, "__proto__": [true, "1", {}], "1": "{}"}')).toEqual({
    kvlist_value: {
      values: [
        { key: '1', value: { string_value: '{}' } },
        { key: 'q', value: {} },
        {
          key: '__proto__',
          value: {
            array_value: {
              values: [
                { bool_value: true },
                { string_value: '1' },
                { kvlist_value: { values: [] } },
              ],
            },
          },
        },
      ],
    },
  })
  const deepest = '['.repeat(24) + ']'.repeat(24)
  expect(JSON.stringify(read(deepest))).toContain('{"array_value":{"values":[]}}')
})

test('values that are no texts, and attributes without one, stay', () => {
  const attributes = [
    { key: 'none' },
    { key: 'int', value: { int_value: 5n } },
    { key: 'bytes', value: { bytes_value: 'eyJhIjoxfQ==' } },
  ]
  expect(decodeJsonTexts(attributes)).toEqual(attributes)
})

test("what MLflow's client sends has its types: a text in it is a text", () => {
  const named = text('mlflow.traceRequestId', `tr-${'01'.repeat(16)}`)
  const attributes = [text('a', '{"a": 1}'), named]
  expect(decodeJsonTexts(attributes)).toEqual(attributes)
  // The exporter of OpenTelemetry sends the same span with JSON in every attribute.
  const exported = [text('a', '{"a": 1}'), text(named.key, `"${named.value.string_value}"`)]
  expect(decodeJsonTexts(exported)).toEqual([
    { key: 'a', value: { kvlist_value: { values: [{ key: 'a', value: { int_value: 1n } }] } } },
    named,
  ])
})

test('a text of twenty megabytes is read', () => {
  const long = 'x\\n'.repeat(7_000_000)
  expect(read(`["${long}", 1]`)).toMatchObject({
    array_value: { values: [{ string_value: expect.any(String) }, { int_value: 1n }] },
  })
})

test('a JSON string is unquoted, anything else is not', () => {
  expect(unquoted('"LLM"')).toBe('LLM')
  for (const other of ['LLM', '"', '"a" b', '["a"]', '5', '']) expect(unquoted(other)).toBe(other)
})
