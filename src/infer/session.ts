import type { RunSettings } from '@gyre/sdk/wire/endpoint'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import type { Tensor, TensorType } from '../core/tensor.ts'
import type { Schedule } from './schedule.ts'
import type { Statistics } from './statistics.ts'

/** A model version as it lies on disk. */
interface File {
  /** `model:flight-delay@3`; the same key always means the same bytes. */
  readonly key: string
  readonly onnxPath: string
}

/** A graph with the `model.json` that says what its vector is made of. */
export interface ModelSource extends File {
  readonly kind: 'scored'
  readonly spec: ModelSpec
  /** The unpacked bundle of user code; transforms are imported from `${codeFolder}/${chunk}`. */
  readonly codeFolder: string | undefined
}

/** A file beside a graph that may hold weights of its. */
export interface WeightsFile {
  /** As the graph names it. */
  readonly location: string
  readonly path: string
}

/** Any graph, asked by its own tensors. */
export interface GraphSource extends File {
  readonly kind: 'graph'
  /** What it may read besides its own file. */
  readonly beside: readonly WeightsFile[]
  /** The most rows that callers may share a run of; 0 runs each ask alone. */
  readonly maxBatch: number
  /** How it was told to be run, where it was. */
  readonly runs?: RunSettings
}

/** A model that its own Python answers for, by tensors. */
export interface PythonSource {
  readonly kind: 'python'
  /** As of a file. */
  readonly key: string
  /** Its files, with their `MLmodel`. */
  readonly folder: string
  /** The interpreter that has what the model requires. */
  readonly command: readonly [string, ...string[]]
}

/** A model that lies in a file, which any worker can load. */
export type FileSource = ModelSource | GraphSource

export type Source = FileSource | PythonSource

/** What makes two sources one session: a version that is run in two ways is two, and so are other bytes. */
export function sessionKey(source: Source): string {
  if (source.kind !== 'graph') return source.key
  return `${source.key} ${source.onnxPath} ${JSON.stringify(source.runs)}`
}

/** What a graph takes and gives, as its file declares it. */
export interface Graph {
  readonly inputs: readonly TensorType[]
  readonly outputs: readonly TensorType[]
  /** The operator that each output comes from, by its name: `Softmax`. */
  readonly operators: Readonly<Record<string, string>>
  /**
   * The first axis of every tensor counts rows, and a row gets in company what it gets alone: so it was found when
   * the graph was loaded. Else callers share no run.
   */
  readonly batches: boolean
  /** The most rows of a run that callers share. */
  readonly maxBatch: number
}

/** Tensors for one run of a graph. */
export interface TensorAsk {
  /** One for each input of the graph, in its order, and each as its input is declared. */
  readonly inputs: readonly Tensor[]
}

/** The outputs of a graph, in its order. */
export type TensorAnswer = readonly Tensor[]

/** A lease on a loaded graph. */
export interface TensorSession {
  readonly key: string
  readonly graph: Graph
  readonly failed: string | undefined
  /** What the model has done since it was loaded, for all its holders together. */
  statistics(): Statistics
  /** Runs the graph. Rejects as `Session.predict` does. */
  infer(ask: TensorAsk, schedule?: Schedule): Promise<TensorAnswer>
  /** Gives the lease back; what is under way is still answered. */
  close(): void
}

/** A row whose input vector is still to be made. */
export interface FieldsRow {
  readonly kind: 'fields'
  /** In the order of `fieldNames`; a timestamp as epoch milliseconds. */
  readonly fields: readonly (number | string | null)[]
  /** In the order of `featureNames`. */
  readonly features: readonly (number | null)[]
}

/** A whole input vector. */
export interface VectorRow {
  readonly kind: 'vector'
  /** In the order of the model's inputs. */
  readonly values: readonly number[]
}

/** One row to score. */
export type ModelRow = FieldsRow | VectorRow

/** What a model says to one row. */
export interface ModelAnswer {
  /** P(label = 1), finite. */
  readonly score: number
  /**
   * The input vector, NaN = missing: what the model saw, a view into its batch; or the numbers that were given
   * as a whole vector, of which the model saw the nearest float32.
   */
  readonly inputs: Float32Array | readonly number[]
}

/** A lease on a loaded model: it stays loaded until the last lease is closed. */
export interface Session {
  readonly key: string
  readonly spec: ModelSpec
  /** The order of `ModelRow.fields`. */
  readonly fieldNames: readonly string[]
  /** The order of `ModelRow.features`: `view:feature` of each feature input. */
  readonly featureNames: readonly string[]
  /** Why the model answers UNAVAILABLE (it kept killing its workers); undefined while it works. */
  readonly failed: string | undefined
  /** As `TensorSession.statistics`. */
  statistics(): Statistics
  /**
   * Scores one row. Rejects with INVALID_INPUT (wrong length),
   * MODEL_FAILED (user code threw, or the score is not finite: this row alone), OVERLOADED with
   * `retryAfterS`, TIMEOUT, CANCELLED, or UNAVAILABLE (its worker died twice, the model failed, or closed).
   */
  predict(row: ModelRow, schedule?: Schedule): Promise<ModelAnswer>
  /** Gives the lease back; rows under way are still answered. */
  close(): void
}
