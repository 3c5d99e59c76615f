import type { BatchColumn } from '@gyre/sdk/wire/batch'
import type { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { GyreError, invalidInput } from '../core/errors.ts'
import { readAs } from '../data/column-type.ts'
import type { SourceColumn } from '../data/source.ts'
import type { HeldArm } from '../serve/held-arm.ts'
import type { AnswerKind } from '../serve/row-answer.ts'
import { sqlName, sqlText } from '../store/analytics.ts'

const PREDICTION_TYPES = { number: 'DOUBLE', text: 'VARCHAR', numbers: 'DOUBLE[]' } as const

/** What stands behind the columns of the file; NULL in a failed row, save the version and the error. */
export function answerColumns(kind: AnswerKind): readonly BatchColumn[] {
  return [
    { name: 'prediction', type: PREDICTION_TYPES[kind] },
    { name: 'confidence', type: 'DOUBLE' },
    { name: 'score', type: 'DOUBLE' },
    { name: 'reasons', type: 'VARCHAR[]' },
    { name: 'model_version', type: 'VARCHAR' },
    { name: 'error', type: 'VARCHAR' },
    { name: 'error_message', type: 'VARCHAR' },
  ]
}

/** How rows of a file are read as requests. */
export interface RowReading {
  /** SQL: the request's `input` as JSON. */
  readonly input: string
  /** SQL: the event time as a text, or NULL. */
  readonly at: string
}

/**
 * Finds what an endpoint is asked among the columns of a file. Throws INVALID_INPUT naming the column that is missing,
 * of a type that never is one of the endpoint's, or called as an answer is.
 */
export function readRows(
  spec: EndpointSpec,
  held: Pick<HeldArm, 'inputs' | 'answers'>,
  columns: readonly SourceColumn[],
  at: string | undefined,
): RowReading {
  for (const { name } of answerColumns(held.answers))
    if (columns.some((column) => column.name.toLowerCase() === name))
      throw invalidInput(`columns.${name}`, 'the answers take this name; call the column otherwise')
  const cells = held.inputs
    ? held.inputs.map(({ name, datatype }) => {
        const { type } = find(columns, name, spec.name)
        return cell(name, tensorCell(datatype, type, sqlName(name)))
      })
    : fieldCells(spec, columns)
  return {
    input: `json_object(${cells.join(', ')})::VARCHAR`,
    at: at === undefined ? 'NULL' : `${timeCell(at, columns)} ->> '$'`,
  }
}

function fieldCells(spec: EndpointSpec, columns: readonly SourceColumn[]): readonly string[] {
  return Object.entries(spec.input).flatMap(([name, { type, nullable }]) => {
    if (nullable && !columns.some((column) => column.name === name)) return []
    const column = find(columns, name, spec.name)
    return cell(name, fieldCell(type, column, `endpoint ${spec.name} takes`))
  })
}

function find(columns: readonly SourceColumn[], name: string, endpoint: string): SourceColumn {
  const column = columns.find((each) => each.name === name)
  if (column) return column
  const known = columns.map((each) => each.name).join(', ')
  throw invalidInput(`columns.${name}`, `missing; endpoint ${endpoint} takes it, the file has ${known}`) // prettier-ignore
}

function timeCell(at: string, columns: readonly SourceColumn[]): string {
  const column = columns.find((each) => each.name === at)
  if (column) return fieldCell('timestamp', column, 'an event time is')
  const known = columns.map((each) => each.name).join(', ')
  throw new GyreError('INVALID_INPUT', `at: no column ${at}; the file has ${known}`, {
    field: 'at',
  })
}

function cell(name: string, json: string): string {
  return `${sqlText(name)}, ${json}`
}

/** As a client would write it: what is not of the type goes as a text, so that its row is refused by name. */
function fieldCell(
  declared: Parameters<typeof readAs>[0],
  { name, type }: SourceColumn,
  wants: string,
): string {
  const x = sqlName(name)
  const reading = readAs(declared, type, x)
  if (!reading)
    throw invalidInput(`columns.${name}`, `${wants} a ${declared}, the file has ${type}`)
  const { value, bad } = reading
  const written =
    declared === 'timestamp' ? `strftime(${value}, '%Y-%m-%dT%H:%M:%S.%gZ')` : `(${value})`
  return `CASE WHEN ${x} IS NULL THEN NULL WHEN ${bad} THEN to_json(CAST(${x} AS VARCHAR)) ELSE to_json(${written}) END`
}

/** A text is a number, or a list of them, where the model takes numbers: CSV has no other form. */
function tensorCell(datatype: string, type: string, x: string): string {
  if (type !== 'VARCHAR' || datatype === 'BYTES') return `to_json(${x})`
  const number = `TRY_CAST(${x} AS DOUBLE)`
  return `CASE WHEN isfinite(${number}) THEN to_json(${number}) WHEN starts_with(trim(${x}), '[') AND json_valid(${x}) THEN ${x}::JSON ELSE to_json(${x}) END`
}
