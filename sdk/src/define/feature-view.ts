import type { Feature } from './aggregate.ts'
import type { Dataset } from './dataset.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION, isDefined, type Defined } from './definition.ts'
import { checkDuration, checkSpan, type Duration } from './duration.ts'
import type { FeatureInput } from './model-input.ts'
import { checkKnown, checkName } from './name.ts'
import { keysOf, recordOf } from './record.ts'

type ColumnOf<D extends Dataset> = (keyof D['columns'] & string) | D['derived'][number]

/** What a view is computed from, for whom, and how long its values hold. */
export interface FeatureViewOptions<D extends Dataset, F extends string> {
  readonly from: D
  /** Columns that say whose features these are; none = one row for the whole source. */
  readonly entity?: NoInfer<ColumnOf<D>> | readonly NoInfer<ColumnOf<D>>[]
  /** From when on a source row counts. For a label it must not lie before the label is known. */
  readonly eventTime: NoInfer<ColumnOf<D>>
  /** The grid at whose instants values change. */
  readonly every: Duration
  /** How long a value stays valid, in event time; `0` = for ever. */
  readonly ttl: Duration
  readonly features: Readonly<Record<F, Feature<NoInfer<ColumnOf<D>>>>>
  readonly owner?: string
}

/** Its features are members by name, ready to be an input of a model: `atOrigin.lateRate`. */
export type FeatureView<F extends string = string> = Defined<'view'> &
  Readonly<Record<F, FeatureInput>>

/**
 * Defines features that are the same in training (as known at each row's time) and in serving.
 * As a model's input a feature is called `VIEW__FEATURE`.
 */
export function featureView<D extends Dataset, F extends string>(
  name: string,
  options: FeatureViewOptions<D, F>,
): FeatureView<F> {
  checkName('feature view', name)
  const { from, entity = [], eventTime, every, ttl, features, owner } = options
  checkView(name, options)
  const spec = {
    name,
    from: from[DEFINITION].spec.name,
    entity: typeof entity === 'string' ? [entity] : [...entity],
    eventTime,
    every,
    ttl,
    features,
    ...(owner !== undefined && { owner }),
  }
  const inputs = recordOf(keysOf(features), (feature): FeatureInput => ({
    kind: 'feature',
    name: `${name}__${feature}`,
    view: name,
    feature,
  }))
  return { [DEFINITION]: { kind: 'view', spec }, ...inputs }
}

function checkView(name: string, options: FeatureViewOptions<Dataset, string>): void {
  const here = `feature view ${name}`
  const { from, entity = [], eventTime, every, ttl, features } = options
  if (!isDefined(from)) throw new DefinitionError(`${here}.from`, 'expected a dataset')
  const known = [...Object.keys(from.columns), ...from.derived]
  for (const column of [entity].flat()) checkKnown(`${here}.entity`, column, known)
  checkKnown(`${here}.eventTime`, eventTime, known)
  checkSpan(`${here}.every`, every)
  checkDuration(`${here}.ttl`, ttl)
  if (Object.keys(features).length === 0)
    throw new DefinitionError(`${here}.features`, 'expected at least one feature')
  for (const [feature, { aggregate, column }] of Object.entries(features)) {
    checkName(`${here}.features`, feature)
    if (aggregate === undefined)
      throw new DefinitionError(`${here}.features.${feature}`, 'expected a window: .over("2h")')
    checkKnown(`${here}.features.${feature}`, column, known)
  }
}
