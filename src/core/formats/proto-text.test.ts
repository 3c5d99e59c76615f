import { expect, test } from 'vitest'
import { readProtoText } from './proto-text.ts'

const word = (text: string) => ({ kind: 'word', text })
const text = (value: string) => ({ kind: 'text', text: value })

test.each([
  ['a: 1\nb {', 'line 2: expected the name of a field, got the end'],
  ['a 1', 'line 1: expected ":", "{" or "[", got "1"'],
  ['a: [1 2]', 'line 1: expected "," or "]", got "2"'],
  ['a: "x', 'line 1: expected a field, got "\\""'],
  ['a: "\\q"', 'expected an escape'],
  ['[x.y]: 1', 'expected a field'],
  ['}', 'expected the name of a field'],
  ['a {'.repeat(70), 'at most 64 messages'],
])('%j is no text format', (given, message) => {
  expect(() => readProtoText(given)).toThrow(message)
})

// Of the same forms google.protobuf.text_format 6.33 makes the same of Triton's own message.
test('lists, both kinds of brackets, comments, joined and escaped texts', () => {
  const given = `# first
    a [ { b: -1; c: 'x' "\\303\\251\\n" }, < b: 0x10, > ]
    d: [ 1, 2 ] e: [] f: -3 # last`
  expect(readProtoText(given)).toEqual([
    {
      name: 'a',
      line: 2,
      value: {
        kind: 'message',
        fields: [
          { name: 'b', line: 2, value: word('-1') },
          { name: 'c', line: 2, value: text('xé\n') },
        ],
      },
    },
    {
      name: 'a',
      line: 2,
      value: { kind: 'message', fields: [{ name: 'b', line: 2, value: word('0x10') }] },
    },
    { name: 'd', line: 3, value: word('1') },
    { name: 'd', line: 3, value: word('2') },
    { name: 'f', line: 3, value: word('-3') },
  ])
})
