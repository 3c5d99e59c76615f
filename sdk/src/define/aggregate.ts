import type { FeatureSpec } from '../wire/feature.ts'
import { checkSpan, type Duration } from './duration.ts'

/** A feature of a view: an aggregate of one column of its source. */
export interface Feature<Column extends string = string> {
  readonly aggregate: FeatureSpec['aggregate']
  readonly column: Column
  readonly over?: Duration
}

/** An aggregate that wants a trailing window: `mean('late').over('2h')`. */
export interface Windowed<Column extends string> {
  over(window: Duration): Feature<Column>
}

export function mean<const C extends string>(column: C): Windowed<C> {
  return windowed('mean', column)
}

export function sum<const C extends string>(column: C): Windowed<C> {
  return windowed('sum', column)
}

/** Rows whose `column` is not null. */
export function count<const C extends string>(column: C): Windowed<C> {
  return windowed('count', column)
}

export function min<const C extends string>(column: C): Windowed<C> {
  return windowed('min', column)
}

export function max<const C extends string>(column: C): Windowed<C> {
  return windowed('max', column)
}

/** The newest value, however old; `ttl` of the view limits its age. */
export function last<const C extends string>(column: C): Feature<C> {
  return { aggregate: 'last', column }
}

function windowed<C extends string>(aggregate: FeatureSpec['aggregate'], column: C): Windowed<C> {
  return {
    over(window) {
      checkSpan(`${aggregate}(${column}).over`, window)
      return { aggregate, column, over: window }
    },
  }
}
