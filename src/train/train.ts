import type { Frame } from '@gyre/sdk'
import type { GradientBoostingOptions, LogisticRegressionOptions, TrainedModel } from '@gyre/sdk'
import type { ModelSpec, RateTable } from '@gyre/sdk/wire/model'
import type { RowSet } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { exportOnnx } from './export-onnx.ts'
import { boost, type GbdtModel } from './gbdt.ts'
import { gainImportance } from './importance.ts'
import { fitLinear, type LinearModel } from './linear.ts'
import { Descended } from './logistic-regression.ts'
import { matrixOf, type LabelledRows } from './matrix.ts'
import { predict, type Model } from './model.ts'
import { crossFittedRates, learnRates } from './rates.ts'
import { referenceOf } from './reference.ts'
import { servedMatrix } from './served-matrix.ts'
import type { TrainingKeeper, TrainingState } from './training-keeper.ts'
import { Tree } from './tree.ts'

/** What a model must be told besides its numbers, to be served: the code of its transforms, its fields. */
export type ServingParts = Pick<ModelSpec, 'fields' | 'code'>

export interface Trainer {
  gradientBoosting(frame: Frame, options?: GradientBoostingOptions): Promise<TrainedModel>
  logisticRegression(frame: Frame, options?: LogisticRegressionOptions): Promise<TrainedModel>
  /** The rows a model learned from. Throws INVALID_ARGUMENT for a model that was not trained here. */
  rowsOf(model: TrainedModel): RowSet
  /** The files of a model that was trained here. Throws INVALID_ARGUMENT for any other. */
  filesOf(model: TrainedModel, serving: ServingParts): ModelFiles
}

export interface ModelFiles {
  readonly onnx: Uint8Array
  readonly spec: ModelSpec
}

/** A model, what it learned from, and how. */
export interface Fitted {
  readonly model: Model
  readonly frame: Frame
  readonly rates: Readonly<Record<string, RateTable>>
  readonly algorithm: string
  readonly options: Readonly<Record<string, JsonValue>>
}

const Trees = z.array(Tree).readonly()

/** The built-in trainers of one step; deterministic by `seed`, however often `keeper` has them go on. */
export function createTrainer(seed: number, keeper: TrainingKeeper): Trainer {
  const fits = new WeakMap<TrainedModel, Fitted>()

  function fitOf(trained: TrainedModel): Fitted {
    const fit = fits.get(trained)
    if (fit) return fit
    throw new GyreError(
      'INVALID_ARGUMENT',
      'model: expected one that ctx.train made in this step',
      {
        field: 'model',
      },
    )
  }

  function keep(
    fitted: Omit<Fitted, 'algorithm'>,
    algorithm: TrainedModel['algorithm'],
  ): TrainedModel {
    const fit = { ...fitted, algorithm }
    const trained: TrainedModel = {
      algorithm,
      rows: fit.frame.rows,
      importance: importanceOf(fit.model),
      score: (frame) => Float32Array.from(predict(fit.model, servedMatrix(frame, fit.rates))),
    }
    fits.set(trained, fit)
    return trained
  }

  return {
    async gradientBoosting(frame, told = {}) {
      const { train, rates } = prepare(frame)
      const [algorithm, options] = ['gradient-boosting', { ...told, seed }] as const
      const model = await keeper.run({ algorithm, options, train }, Trees, (grown) =>
        counted(boost({ train, options, ...(grown && { grown }) }), (trees) => trees.length),
      )
      return keep({ model, frame, rates, options }, algorithm)
    },

    async logisticRegression(frame, told = {}) {
      const { train, rates } = prepare(frame)
      const [algorithm, options] = ['logistic-regression', { ...told }] as const
      const model = await keeper.run({ algorithm, options, train }, Descended, (from) =>
        counted(fitLinear({ train, options, ...(from && { from }) }), ({ steps }) => steps),
      )
      return keep({ model, frame, rates, options }, algorithm)
    },

    rowsOf: (trained) => fitOf(trained).frame.set,

    filesOf: (trained, serving) => modelFiles(fitOf(trained), serving),
  }
}

/** The states of a training with the number of rounds that each stands for. */
function* counted<S, M>(
  training: Generator<S, M>,
  roundsOf: (state: S) => number,
): Generator<TrainingState<S>, M> {
  for (;;) {
    const round = training.next()
    if (round.done) return round.value
    yield { rounds: roundsOf(round.value), state: round.value }
  }
}

/** The files that a model is served from. */
export function modelFiles(fit: Fitted, serving: ServingParts): ModelFiles {
  return { onnx: exportOnnx(fit.model), spec: specOf(fit, serving) }
}

/** The training matrix, with rates learned fold by fold, and the rates to serve with. */
export function prepare(frame: Frame): { train: LabelledRows; rates: Record<string, RateTable> } {
  const rates: Record<string, RateTable> = {}
  const columns = frame.inputs.map((input) => {
    if (input.kind === 'number') return input.values
    rates[input.name] = learnRates(input, frame.label, input.prior)
    return crossFittedRates(input, frame.label, input.prior)
  })
  const names = frame.inputs.map((input) => input.name)
  return { train: { matrix: matrixOf(names, columns), labels: frame.label }, rates }
}

function specOf(
  { frame, model, rates, algorithm, options }: Fitted,
  serving: ServingParts,
): ModelSpec {
  const served = servedMatrix(frame, rates)
  const inputs = served.names.map(
    (name, i) => [name, referenceOf(served.columns[i] ?? new Float32Array())] as const,
  )
  return {
    format: 'gyre-model/1',
    task: 'binary',
    inputs: frame.set.inputs,
    fields: serving.fields,
    rates,
    code: serving.code,
    reference: {
      rows: frame.rows,
      inputs: Object.fromEntries(inputs),
      score: referenceOf(predict(model, served)),
    },
    training: {
      rowsDigest: frame.set.digest,
      rows: frame.rows,
      from: frame.set.from,
      until: frame.set.until,
      algorithm,
      options,
      importance: importanceOf(model),
    },
  }
}

function importanceOf(model: Model): Record<string, number> {
  return model.kind === 'gbdt' ? treeImportance(model) : weightImportance(model)
}

function treeImportance(model: GbdtModel): Record<string, number> {
  return Object.fromEntries(gainImportance(model).map(({ name, share }) => [name, share]))
}

/** |weight| on standardised inputs, as shares. */
function weightImportance({ names, weights }: LinearModel): Record<string, number> {
  const total = weights.reduce((sum, weight) => sum + Math.abs(weight), 0) || 1
  return Object.fromEntries(names.map((name, i) => [name, Math.abs(weights[i] ?? 0) / total]))
}
