import { expect, test } from 'vitest'
import { oneLine } from './one-line.ts'
import { facts, table } from './table.ts'

test('a name with escape sequences and line ends stays in its cell', () => {
  const name = 'red\u001B[31m\r\nrun_2  fake'
  expect(table(['run', 'name'], [['run_1', name]])).toBe(
    'run    name\nrun_1  red\\u001b[31m\\r\\nrun_2  fake',
  )
})

test('a note cannot begin a line of facts, several values of one do', () => {
  expect(
    facts([
      ['approved by', ['ada: fine\nin production  model:fake@9', 'bob']],
      ['gate', 'none'],
    ]).split('\n'),
  ).toEqual([
    'approved by  ada: fine\\nin production  model:fake@9',
    '             bob',
    'gate         none',
  ])
})

test('other scripts, and emoji that are put together, are left as they are', () => {
  const text = 'dä ≠ 漢字 שלום 👩\u200D👩\u200D👧'
  expect(oneLine(text)).toBe(text)
  expect(oneLine('a\u202Eb\u009Bc\u2028d')).toBe('a\\u202eb\\u009bc\\u2028d')
})
