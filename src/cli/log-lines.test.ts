import { expect, test } from 'vitest'
import { createLogLines } from './log-lines.ts'

/** All lines of texts that follow each other. */
function linesOf(...texts: readonly string[]): string[] {
  const lines = createLogLines()
  let start = 0
  const shown = texts.flatMap((text) => {
    const piece = { start, text }
    start += text.length
    return lines.add(piece)
  })
  return [...shown, ...lines.rest()]
}

test('lines are whole, wherever the pieces were cut', () => {
  expect(linesOf('one\ntw', 'o\n', '\nthree')).toEqual(['one', 'two', '', 'three'])
  expect(linesOf('one\r', '\ntwo\r\n')).toEqual(['one', 'two'])
})

test('a bar of progress is a line each time that it is drawn', () => {
  expect(linesOf('10%\r20%\r', '30%\ndone\n')).toEqual(['10%', '20%', '30%', 'done'])
})

test('what would move the cursor, colour the terminal or turn the text is written out', () => {
  expect(linesOf('\u001b[2Jgone\u0007\n\u202eback\n\tin\u009b31m\n')).toEqual([
    '\\u001b[2Jgone\\u0007',
    '\\u202eback',
    '    in\\u009b31m',
  ])
})

test('what was left out is told in its place', () => {
  const lines = createLogLines()
  const shown = [
    ...lines.add({ start: 0, text: 'first\nhal' }),
    ...lines.add({ start: 1009, text: 'f\nlast\n' }),
    ...lines.rest(),
  ]
  expect(shown).toEqual(['first', 'hal', '… 1000 characters left out …', 'f', 'last'])
})
