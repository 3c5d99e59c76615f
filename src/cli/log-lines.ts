import type { LogPiece } from '@gyre/sdk/wire/log'
import { oneLine } from './one-line.ts'

/** Turns pieces of what somebody else's program printed into lines that a terminal may be shown. */
export interface LogLines {
  /** The lines that end with this piece, after one that says what was left out before it. */
  add(piece: LogPiece): readonly string[]
  /** The last line, where nothing ended it. */
  rest(): readonly string[]
}

export function createLogLines(): LogLines {
  let [at, rest] = [0, '']

  /** A line that is drawn over and over, such as a bar of progress, is a line each time. */
  function split(text: string): string[] {
    const lines = (rest + text).split(/\r\n|\n|\r(?!\n|$)/)
    rest = lines.pop() ?? ''
    return lines.map(shown)
  }

  const end = (): string[] => {
    const last = rest
    rest = ''
    return last === '' ? [] : [shown(last)]
  }

  return {
    add({ start, text }) {
      const left = start - at
      const gap = left > 0 ? [...end(), `… ${left} characters left out …`] : []
      at = start + text.length
      return [...gap, ...split(text)]
    },
    rest: end,
  }
}

function shown(line: string): string {
  return oneLine(line.replace(/\r$/, '').replaceAll('\t', '    '))
}
