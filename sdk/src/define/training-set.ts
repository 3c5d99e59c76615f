import type { ModelInput } from '../wire/feature.ts'
import type { RowSet } from '../wire/pipeline.ts'
import type { Dataset } from './dataset.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION } from './definition.ts'
import { checkSpan, type Duration } from './duration.ts'
import type { Endpoint } from './endpoint.ts'
import { checkInstant } from './instant.ts'
import { checkKnown } from './name.ts'
import { addStep, currentPipeline } from './pipeline.ts'
import { inputSpecs } from './step.ts'
import type { Given, Handle } from './value.ts'

/** Which rows, from when to when, and what a model sees of them. */
export interface TrainingSetOptions {
  /** A dataset with `at` and a `label`. */
  readonly from: Dataset
  /** What a model learns from, in this order. */
  readonly inputs: readonly ModelInput[]
  /** Rows whose label is known by then, in event time. */
  readonly until: Given<string>
  /** How far back from `until` rows count. */
  readonly window: Given<string>
  /** The newest part, kept from training for the gate. */
  readonly holdout: Duration
  /** Keep the rows whose number in the file is a multiple of this; all of them unless told. */
  readonly every?: number
  /** Rows of the dataset count up to here; later ones come from `served`. */
  readonly historyBefore?: string
  /** Endpoint whose own labelled, unquarantined predictions continue the history. */
  readonly served?: Endpoint
}

/** `train` to learn from, and `newest` that it must not see. */
export interface TrainingRows {
  readonly train: RowSet
  readonly newest: RowSet
}

/** A step that gathers labelled rows, each with its inputs as they were known at the row's own time. */
export function trainingSet(name: string, options: TrainingSetOptions): Handle<TrainingRows> {
  const here = `pipeline ${currentPipeline(name)}.step ${name}`
  const { from, inputs, until, window, holdout, every = 1, historyBefore, served } = options
  checkInputs(here, from, inputs)
  checkSpan(`${here}.holdout`, holdout)
  if (!Number.isSafeInteger(every) || every < 1)
    throw new DefinitionError(`${here}.every`, `expected a whole number from 1, got ${every}`)
  if (historyBefore !== undefined) checkInstant(`${here}.historyBefore`, historyBefore)
  const spec = {
    dataset: from[DEFINITION].spec.name,
    every,
    inputs: [...inputs],
    holdout,
    ...(historyBefore !== undefined && { historyBefore }),
    ...(served && { served: served[DEFINITION].spec.name }),
  }
  return addStep({ kind: 'training-set', name, inputs: inputSpecs(name, { until, window }), spec })
}

function checkInputs(here: string, from: Dataset, inputs: readonly ModelInput[]): void {
  const { name, label, at } = from[DEFINITION].spec
  if (!label || at === undefined)
    throw new DefinitionError(
      `${here}.from`,
      `expected dataset ${name} to have \`at\` and \`label\``,
    )
  if (inputs.length === 0)
    throw new DefinitionError(`${here}.inputs`, 'expected at least one input')
  const known = Object.keys(from.columns)
  for (const [position, input] of inputs.entries()) {
    if (inputs.findIndex((other) => other.name === input.name) < position)
      throw new DefinitionError(`${here}.inputs`, `two inputs are named ${input.name}`)
    if (input.kind === 'field' || input.kind === 'rate')
      checkKnown(`${here}.inputs.${input.name}`, input.field, known)
  }
}
