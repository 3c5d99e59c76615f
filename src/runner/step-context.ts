import type { StepContext } from '@gyre/sdk'
import type { StepFiles } from '../train/step-files.ts'
import type { StepRows, TransformBundle } from '../train/step-rows.ts'
import { createTrainer } from '../train/train.ts'
import type { TrainingKeeper } from '../train/training-keeper.ts'

interface ContextDeps {
  readonly files: StepFiles
  readonly rows: StepRows
  readonly bundle: TransformBundle
  readonly signal: AbortSignal
  readonly keeper: TrainingKeeper
}

type Progress = Pick<StepContext, 'metric' | 'resumed' | 'checkpoint'>

/** What the function of a step is given. */
export function contextOf(
  { files, rows, bundle, signal, keeper }: ContextDeps,
  seed: number,
  progress: Progress,
): StepContext {
  const trainer = createTrainer(seed, keeper)
  return {
    ...progress,
    seed,
    signal,
    train: trainer,
    log: (message) => void process.stdout.write(`${message}\n`),
    rows: (set) => rows.frame(set, bundle),
    async save(model) {
      const serving = await rows.servingParts(trainer.rowsOf(model), bundle)
      const { onnx, spec } = trainer.filesOf(model, serving)
      const json = Buffer.from(JSON.stringify(spec))
      const { digest } = await files.putFolder({ 'model.onnx': onnx, 'model.json': json })
      return { digest, rows: model.rows }
    },
  }
}
