import { Json } from '@gyre/sdk/wire/ref'
import { parse } from 'yaml'
import { z } from 'zod'
import { GyreError } from '../errors.ts'

/** Each part of a signature is JSON in a text. */
const Part = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(Json)
  .nullish()
  .transform((part) => part ?? null)

const Flavor = z.record(z.string(), z.unknown())

/** MLflow's description of a model, as far as Gyre reads it. */
const MlModel = z.object({
  /** How the model can be loaded, by the name of a library; `python_function` is MLflow's own common one. */
  flavors: z.record(z.string(), Flavor).default({}),
  signature: z.object({ inputs: Part, outputs: Part, params: Part }).nullish(),
  saved_input_example_info: z
    .object({ artifact_path: z.string(), type: z.string() })
    .loose()
    .nullish()
    .catch(null),
})
export type MlModel = z.infer<typeof MlModel>

/** The file that makes a folder a model of MLflow's. */
export const ML_MODEL_FILE = 'MLmodel'

/** It is some kilobytes, with the signature of a wide table some hundred. */
export const MAX_ML_MODEL_BYTES = 16 * 1024 * 1024

/** Reads the text of an `MLmodel`. Throws INVALID_INPUT naming what is no such thing. */
export function readMlModel(text: string): MlModel {
  try {
    return MlModel.parse(parse(text, { maxAliasCount: 0 }))
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : []
    const fault = issue ? `${issue.path.join('.')}: ${issue.message}` : String(cause)
    throw new GyreError('INVALID_INPUT', `${ML_MODEL_FILE}: ${fault}`, { field: 'MLmodel' }, cause)
  }
}
