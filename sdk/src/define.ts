export { count, last, max, mean, min, sum } from './define/aggregate.ts'
export { boolean, int, number, text, timestamp } from './define/column.ts'
export { dataset } from './define/dataset.ts'
export { DefinitionError } from './define/definition-error.ts'
export { endpoint } from './define/endpoint.ts'
export { featureView } from './define/feature-view.ts'
export type { Frame, FrameInput } from './define/frame.ts'
export { gate } from './define/gate.ts'
export { field, rate } from './define/model-input.ts'
export { buildManifest } from './define/manifest.ts'
export type { CodePlace, Locate, ManifestDraft } from './define/manifest.ts'
export { monitor } from './define/monitor.ts'
export { day, duration, list } from './define/param.ts'
export { daily, hourly, monthly, oneOf, weekly } from './define/partition.ts'
export { pipeline } from './define/pipeline.ts'
export { project } from './define/project.ts'
export { notebook, python } from './define/python.ts'
export type { PythonOptions, PythonProgram } from './define/python.ts'
export { register } from './define/register.ts'
export type { BackoffOptions, RetryOptions } from './define/retries.ts'
export { canary, immediate } from './define/release-plan.ts'
export { csv, jsonl, parquet } from './define/source.ts'
export { setting, SETTINGS, SETTINGS_ASKED } from './define/setting.ts'
export { step } from './define/step.ts'
export type { ResourceOptions, Size } from './define/resources.ts'
export type { MapOptions, ResumeOptions, Step, StepOptions } from './define/step.ts'
export type {
  GradientBoostingOptions,
  LogisticRegressionOptions,
  StepContext,
  StepFunction,
  TrainedModel,
  Trainers,
} from './define/step-context.ts'
export { lightgbm, sklearn } from './define/trainer.ts'
export type {
  LightgbmOptions,
  SklearnAlgorithm,
  SklearnOptions,
  TrainerInputs,
} from './define/trainer.ts'
export { trainingSet } from './define/training-set.ts'
export { transform } from './define/transform.ts'
export { onDrift, onNewData, onQuality, onSchedule, trigger } from './define/trigger.ts'
export type { ModelArtifact, RowSet } from './wire/pipeline.ts'
