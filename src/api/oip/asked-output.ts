import { invalidInput } from '../../core/errors.ts'
import type { Tensor } from '../../core/tensor.ts'
import { topClasses } from './classification.ts'
import type { OutputAsk } from './infer-request.ts'

/** What is asked of an output where nothing is said of it. */
export function plainOutput(name: string, binary: boolean): OutputAsk {
  return { name, binary, classes: 0 }
}

/** The output that is asked for, or its best classes. Throws INVALID_INPUT where the model has none of that name. */
export function outputOf({ name, classes }: OutputAsk, outputs: readonly Tensor[]): Tensor {
  const output = outputs.find((one) => one.name === name)
  if (output) return classes > 0 ? topClasses(output, classes) : output
  const known = outputs.map((one) => one.name).join(', ')
  throw invalidInput(`outputs.${name}`, `no such output; the model gives ${known}`)
}
