import { GyreError } from '../core/errors.ts'
import type { Column, Columns, StringDictionary } from '../store/analytics.ts'
import { inputColumns, type InputNames } from './input-columns.ts'

/** Half open in event time, epoch milliseconds. */
export interface WindowRange {
  readonly startMs: number
  readonly endMs: number
  /** Labels known later than this do not exist yet; every label when absent. */
  readonly knownUntilMs?: number
}

/** An endpoint's predictions of a window, by column; every column has `rows` values, in order of event time. */
export interface PredictionWindow {
  readonly rows: number
  readonly atMs: Float64Array
  readonly model: StringDictionary
  /** `stable` or `canary`. */
  readonly variant: StringDictionary
  /** 1 where the model answered, 0 where it failed. */
  readonly answered: Float64Array
  /** 1 where the request broke its contract. */
  readonly quarantined: Float64Array
  /** NaN where the model failed. */
  readonly score: Float64Array
  /** NaN while unknown. */
  readonly label: Float64Array
  readonly latencyMs: Float64Array
  /** Input name → values, NaN where missing. */
  readonly inputs: ReadonlyMap<string, Float64Array>
}

const INPUT = 'input_'

/** SQL that gives the columns `toWindow` reads, over joined predictions. */
export function windowSql(joined: string, names: InputNames): string {
  const columns = [
    'at_ms',
    'model',
    'variant',
    `CAST(status = 'ok' AS INTEGER) AS answered`,
    'CAST(quarantined AS INTEGER) AS quarantined',
    'score',
    'label',
    'latency_ms',
    ...inputColumns(names, INPUT),
  ]
  return `SELECT ${columns.join(', ')} FROM ${joined} ORDER BY at_ms, id`
}

export function toWindow({ rowCount, columns }: Columns): PredictionWindow {
  const byName = new Map(columns.map((column) => [column.name, column]))
  const numbers = (name: string) => numbersOf(byName.get(name), name)
  const texts = (name: string) => textsOf(byName.get(name), name)
  const inputs = columns.filter((column) => column.name.startsWith(INPUT))
  return {
    rows: rowCount,
    atMs: numbers('at_ms'),
    model: texts('model'),
    variant: texts('variant'),
    answered: numbers('answered'),
    quarantined: numbers('quarantined'),
    score: numbers('score'),
    label: numbers('label'),
    latencyMs: numbers('latency_ms'),
    inputs: new Map(inputs.map(({ name }) => [name.slice(INPUT.length), numbers(name)])),
  }
}

function numbersOf(column: Column | undefined, name: string): Float64Array {
  if (!column || column.kind === 'text')
    throw new GyreError('INTERNAL', `the prediction log has no numbers ${name}`)
  const values = Float64Array.from(column.values)
  column.valid?.forEach((isPresent, row) => {
    if (isPresent === 0) values[row] = Number.NaN
  })
  return values
}

function textsOf(column: Column | undefined, name: string): StringDictionary {
  if (column?.kind !== 'text')
    throw new GyreError('INTERNAL', `the prediction log has no texts ${name}`)
  return column.values
}
