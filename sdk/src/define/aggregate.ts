import type { FeatureSpec } from '../wire/feature.ts'
import { checkSpan, type Duration } from './duration.ts'

/** A feature of a view: an aggregate of one column of its source. */
export interface Feature<Column extends string = string> {
  readonly aggregate: FeatureSpec['aggregate']
  readonly column: Column
  readonly over?: Duration
}

/** An aggregate over a trailing window: `mean('late').over('2h')` at T takes the rows with T − 2h < time ≤ T. */
export interface Windowed<Column extends string> {
  /** Throws DefinitionError for a window of no length, or one that is no duration. */
  over(window: Duration): Feature<Column>
}

/** Mean of the values that are not null, booleans as 0 and 1; null where the window holds none. */
export function mean<const C extends string>(column: C): Windowed<C> {
  return windowed('mean', column)
}

/** Sum of the values that are not null; null, not 0, where the window holds none. In the column's unit. */
export function sum<const C extends string>(column: C): Windowed<C> {
  return windowed('sum', column)
}

/** How many rows of the window have a `column` that is not null. */
export function count<const C extends string>(column: C): Windowed<C> {
  return windowed('count', column)
}

/** Least of the values that are not null; null where the window holds none. */
export function min<const C extends string>(column: C): Windowed<C> {
  return windowed('min', column)
}

/** Largest of the values that are not null; null where the window holds none. */
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
