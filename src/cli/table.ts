import { oneLine } from './one-line.ts'

/** Rows as text columns under headings, numbers to the right. Cells wider than `maxWidth` are cut with `…`. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
  maxWidth = 60,
): string {
  const cells = rows.map((row) => row.map((cell) => shorten(show(cell), maxWidth)))
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column]?.length ?? 0)),
  )
  const isNumeric = headings.map((_, column) =>
    rows.every((row) => typeof row[column] !== 'string'),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return isNumeric[column] ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [line(headings), ...cells.map(line)].join('\n')
}

function show(cell: string | number | null): string {
  if (cell === null) return '–'
  if (typeof cell === 'string') return oneLine(cell)
  return Number.isInteger(cell) ? String(cell) : cell.toFixed(4)
}

function shorten(text: string, maxWidth: number): string {
  return text.length <= maxWidth ? text : `${text.slice(0, maxWidth - 1)}…`
}

/** `label  value` lines under each other, values aligned; several values of one label are a line each. */
export function facts(
  pairs: readonly (readonly [label: string, values: string | readonly string[]])[],
): string {
  const width = Math.max(...pairs.map(([label]) => label.length))
  const between = `\n${' '.repeat(width + 2)}`
  return pairs
    .map(([label, values]) => {
      const lines = typeof values === 'string' ? [values] : values
      return `${label.padEnd(width)}  ${lines.map(oneLine).join(between)}`
    })
    .join('\n')
}
