import type { TensorType } from '../../core/tensor.ts'
import { DEFAULT_PRIORITY, PRIORITY_LEVELS } from '../../infer/schedule.ts'
import type { ServedModel } from '../../serve/served-model.ts'
import type { DescribedArm } from '../../serve/tensor-arm.ts'

/** What the server says of itself; the extensions are those that it speaks in full. */
export const SERVER = {
  name: 'gyre',
  extensions: [
    'binary_tensor_data',
    'classification',
    'model_configuration',
    'parameters',
    'schedule_policy',
    'statistics',
  ],
} as const

/** As Triton calls a graph that onnxruntime runs. */
const PLATFORM = 'onnxruntime_onnx'

export function describeModel(
  name: string,
  models: readonly ServedModel[],
  { graph }: DescribedArm,
): object {
  const { versions = [] } = models.find((model) => model.name === name) ?? {}
  const { inputs, outputs } = graph
  return { name, versions, platform: PLATFORM, inputs, outputs }
}

/** A model's configuration in the words of Triton's; the shapes of a model that is batched go without the batch. */
export function modelConfig(name: string, { graph }: DescribedArm): unknown {
  const { batches, maxBatch } = graph
  const typed = ({ name: tensor, datatype, shape }: TensorType) => ({
    name: tensor,
    data_type: `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`,
    dims: batches ? shape.slice(1) : shape,
  })
  return {
    name,
    platform: PLATFORM,
    backend: 'onnxruntime',
    max_batch_size: batches ? maxBatch : 0,
    dynamic_batching: {
      priority_levels: PRIORITY_LEVELS,
      default_priority_level: DEFAULT_PRIORITY,
      default_queue_policy: { timeout_action: 'REJECT', allow_timeout_override: true },
    },
    input: graph.inputs.map(typed),
    output: graph.outputs.map(typed),
  }
}

export function modelIndex(models: readonly ServedModel[]): readonly object[] {
  return models.flatMap(({ name, versions, state, reason }) =>
    versions.length === 0
      ? [{ name, state, reason }]
      : versions.map((version) => ({ name, version, state, reason })),
  )
}
