import type { ViewSpec } from '@gyre/sdk/wire/feature'
import { digestOfJson, type Digest } from '../core/digest.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'

/** Name of the time column of a view's offline rows. */
export const EVENT_TIME = 'event_ts'

/** A view as registered: what is computed, under which name and version. */
export interface FeatureView {
  readonly spec: ViewSpec
  /** `features:at_origin@2`. */
  readonly ref: string
  readonly digest: Digest
}

/** Width of a view's grid. `0` means that values change at any moment: any millisecond, then. */
export function gridMs(spec: ViewSpec): number {
  return Math.max(1, durationMs(spec.every, `${spec.name}.every`))
}

/** For how long a row answers, both ends included; 0 = for ever. */
export function ttlMs(spec: ViewSpec): number {
  return durationMs(spec.ttl, `${spec.name}.ttl`)
}

export function viewDigest(spec: ViewSpec): Digest {
  return digestOfJson(spec)
}

/** Throws INVALID_ARGUMENT naming the first member that makes no sense whatever the data is. */
export function assertView(spec: ViewSpec): void {
  const grid = gridMs(spec)
  const { name } = spec
  if (!Number.isInteger(grid)) throw invalid(`${name}.every`, 'whole milliseconds')
  if (!Number.isInteger(ttlMs(spec))) throw invalid(`${name}.ttl`, 'whole milliseconds')
  if (Object.keys(spec.features).length === 0) throw invalid(`${name}.features`, 'one at least')
  const outputs = [...spec.entity, ...Object.keys(spec.features), EVENT_TIME]
  const twice = outputs.find((output, i) => outputs.indexOf(output) !== i)
  if (twice !== undefined) throw invalid(`${name}.${twice}`, 'a name used once')
  for (const [feature, { aggregate, over }] of Object.entries(spec.features)) {
    const field = `${name}.features.${feature}.over`
    if (over === undefined) {
      if (aggregate !== 'last') throw invalid(field, `a window to take the ${aggregate} over`)
      continue
    }
    const width = durationMs(over, field)
    if (width === 0 || width % grid !== 0)
      throw invalid(field, `a multiple of the grid (every: ${spec.every}), got ${over}`)
  }
}

const KEYS = /^(VARCHAR|U?(TINYINT|SMALLINT|INTEGER|BIGINT))$/
const NUMBERS = /^(BOOLEAN|U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(.*\))$/

/** Throws INVALID_ARGUMENT naming the column that the dataset lacks or has as another type. */
export function assertColumns(spec: ViewSpec, types: ReadonlyMap<string, string>): void {
  const demand = (field: string, column: string, fits: RegExp, expected: string) => {
    const type = types.get(column)
    if (type === undefined)
      throw invalid(
        field,
        `a column of ${spec.from} (${[...types.keys()].join(', ')}), got ${column}`,
      )
    if (!fits.test(type)) throw invalid(field, `${expected}, but ${spec.from}.${column} is ${type}`)
  }
  demand(`${spec.name}.eventTime`, spec.eventTime, /^TIMESTAMP$/, 'a timestamp')
  for (const entity of spec.entity)
    demand(`${spec.name}.entity`, entity, KEYS, 'a text or a whole number')
  for (const [feature, { aggregate, column }] of Object.entries(spec.features)) {
    const anything = aggregate === 'count' ? /./ : NUMBERS
    demand(`${spec.name}.features.${feature}.column`, column, anything, 'a number or boolean')
  }
}

function invalid(field: string, expected: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: expected ${expected}`, { field })
}
