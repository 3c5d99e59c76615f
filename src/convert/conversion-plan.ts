import type { TreeEntry } from '@gyre/sdk/wire/artifact'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import type { MlModel } from '../core/formats/mlmodel.ts'

/** Libraries whose models have an ONNX form; each has a lock of its converter in `sdk/python/converters`. */
export const LIBRARIES = ['sklearn', 'xgboost', 'lightgbm'] as const
export type Library = (typeof LIBRARIES)[number]

/** How a model is read and asked where it is converted. */
export interface ConversionPlan {
  readonly library: Library
  /** The version that saved it. */
  readonly version: string
  readonly file: string
  /** `pickle` runs whatever code it holds; `skops` and the libraries' own files hold data. */
  readonly format: 'native' | 'skops' | 'pickle'
  /** The class that it is of; empty where that is not said. */
  readonly class: string
  /** The method that answers. */
  readonly predict: string
  /** The answer of its `predict` is the probability of the second class. */
  readonly probability: boolean
  /** The file of the logged example. */
  readonly example: string | null
  /** Of a table, by the signature. */
  readonly columns: readonly { readonly name: string; readonly type: string }[] | null
  /** Numbers in a row of an array, by the signature. */
  readonly width: number | null
}

/** A release of a Python package; nothing else may reach pip. */
const VERSION = /^\d+(\.\d+){0,3}((a|b|rc)\d+)?(\.post\d+)?$/

const Flavor = z.looseObject({
  data: z.string().optional(),
  pickled_model: z.string().optional(),
  model_class: z.string().optional(),
  sklearn_version: z.string().optional(),
  xgb_version: z.string().optional(),
  lgb_version: z.string().optional(),
})

const Columns = z.array(z.looseObject({ name: z.string(), type: z.string() }))
const Tensors = z.array(
  z.looseObject({ 'tensor-spec': z.looseObject({ shape: z.array(z.number()) }) }),
)

/**
 * How a model of MLflow's becomes ONNX; undefined where none of its flavors is of a library that can. Throws
 * INVALID_INPUT naming what its MLmodel lacks.
 */
export function conversionPlan(
  mlModel: MlModel,
  entries: readonly TreeEntry[],
): ConversionPlan | undefined {
  const library = LIBRARIES.find((one) => mlModel.flavors[one])
  if (!library) return undefined
  const flavor = Flavor.parse(mlModel.flavors[library])
  const file = flavor.pickled_model ?? flavor.data
  const field = `flavors.${library}`
  if (file === undefined || !entries.some(({ path }) => path === file))
    throw missing(field, `expected one of the model's files, got ${file ?? 'none'}`)
  const version = flavor.sklearn_version ?? flavor.xgb_version ?? flavor.lgb_version ?? ''
  if (!VERSION.test(version))
    throw missing(field, `expected the version of ${library}, got ${JSON.stringify(version)}`)
  const predict = mlModel.flavors['python_function']?.['predict_fn']
  const inputs = mlModel.signature?.inputs ?? null
  const example = mlModel.saved_input_example_info?.artifact_path ?? null
  return {
    library,
    version,
    file,
    format: formatOf(file),
    class: flavor.model_class ?? '',
    predict: typeof predict === 'string' ? predict : 'predict',
    probability: (flavor.model_class ?? '').endsWith('.Booster'),
    example: entries.some(({ path }) => path === example) ? example : null,
    columns: Columns.safeParse(inputs).data ?? null,
    width: Tensors.safeParse(inputs).data?.[0]?.['tensor-spec'].shape[1] ?? null,
  }
}

function formatOf(file: string): ConversionPlan['format'] {
  if (file.endsWith('.skops')) return 'skops'
  return /\.(ubj|json|xgb|lgb|txt)$/.test(file) ? 'native' : 'pickle'
}

function missing(field: string, message: string): GyreError {
  return new GyreError('INVALID_INPUT', `MLmodel: ${field}: ${message}`, { field })
}
