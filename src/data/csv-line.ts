import { createReadStream } from 'node:fs'
import { sqlText, type Analytics } from '../store/analytics.ts'
import { numberCell, textCell } from './cell.ts'

/** How a file is written, as DuckDB has found out. */
interface Dialect {
  readonly delimiter: string
  /** Empty where nothing is quoted. */
  readonly quote: string
  readonly comment: string
  /** Lines before the header. */
  readonly skipped: number
  readonly columns: number
}

/**
 * On which line of a CSV file, from 1, the row `row` begins, from 0 and without the header: a value may hold line breaks,
 * and blank lines and comments are no rows. Undefined for a row that is not there. Reads the file up to it.
 */
export async function csvLineOf(
  analytics: Analytics,
  path: string,
  row: number,
): Promise<number | undefined> {
  const dialect = await dialectOf(analytics, path)
  let [line, records] = [0, 0]
  let begun: { readonly line: number; text: string } | undefined
  for await (const text of linesOf(path)) {
    line++
    if (line <= dialect.skipped || (!begun && isNoRow(text, dialect))) continue
    begun = { line: begun?.line ?? line, text: begun ? `${begun.text}\n${text}` : text }
    if (endsQuoted(begun.text, dialect)) continue
    // The first is the header.
    if (records === row + 1) return begun.line
    records++
    begun = undefined
  }
  return undefined
}

async function dialectOf(analytics: Analytics, path: string): Promise<Dialect> {
  const [found] = await analytics.query(
    `SELECT Delimiter, Quote, Comment, SkipRows, len(Columns) AS columns
     FROM sniff_csv(${sqlText(path)}, header = true, all_varchar = true)`,
  )
  const character = (name: string): string => {
    const text = textCell(found, name)
    return text === '(empty)' ? '' : text
  }
  return {
    delimiter: character('Delimiter'),
    quote: character('Quote'),
    comment: character('Comment'),
    skipped: numberCell(found, 'SkipRows'),
    columns: numberCell(found, 'columns'),
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const piece of createReadStream(path, 'utf8')) {
    const lines = (rest + String(piece)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

/** A blank line of a file with one column is a row without a value. */
function isNoRow(text: string, { comment, columns }: Dialect): boolean {
  if (comment !== '' && text.startsWith(comment)) return true
  return columns > 1 && text.trimEnd() === ''
}

/** Whether a record goes on in the next line; a quote counts where a value begins, or ends. */
function endsQuoted(record: string, { delimiter, quote }: Dialect): boolean {
  if (quote === '') return false
  let isQuoted = false
  for (const value of record.split(delimiter)) {
    const quotes = value.split(quote).length - 1
    if (isQuoted || value.startsWith(quote)) isQuoted = isQuoted !== (quotes % 2 === 1)
  }
  return isQuoted
}
