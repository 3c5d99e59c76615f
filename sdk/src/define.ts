export { DefinitionError } from './define/definition-error.ts'
export type { Frame, FrameInput } from './define/frame.ts'
export type {
  GradientBoostingOptions,
  LogisticRegressionOptions,
  StepContext,
  StepFunction,
  TrainedModel,
  Trainers,
} from './define/step-context.ts'
export type { ModelArtifact, RowSet } from './wire/pipeline.ts'
