import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { Each, PipelineSpec, StepSpec, ValueSpec } from '@gyre/sdk/wire/pipeline'
import type { TriggerSpec } from '@gyre/sdk/wire/trigger'
import type { Problem } from './problem.ts'

/** Steps that read what is not there yet, and triggers that start a pipeline without what it wants. */
export function* brokenWiring(manifest: Manifest): Generator<Problem> {
  for (const pipeline of manifest.pipelines) yield* ofPipeline(manifest, pipeline)
  for (const trigger of manifest.triggers) {
    const pipeline = manifest.pipelines.find(({ name }) => name === trigger.pipeline)
    if (pipeline) yield* ofTrigger(trigger, pipeline)
  }
}

function* ofPipeline(manifest: Manifest, pipeline: PipelineSpec): Generator<Problem> {
  const before = new Set<string>()
  for (const step of pipeline.steps) {
    const at = `pipelines.${pipeline.name}.steps.${step.name}`
    if (before.has(step.name)) yield { field: at, message: 'expected step names to be unique' }
    const each = eachOf(step)
    const unlisted = each && unreadable(each.items, pipeline, before)
    if (unlisted) yield { field: `${at}.each.items`, message: unlisted }
    for (const [input, value] of Object.entries(step.inputs)) {
      const isOfItem = each && value.kind === 'item'
      const message = isOfItem ? undefined : unreadable(value, pipeline, before)
      if (message) yield { field: `${at}.inputs.${input}`, message }
    }
    if (step.kind === 'training-set') yield* unlabelled(manifest, step, at)
    before.add(step.name)
  }
}

function unreadable(
  value: ValueSpec,
  pipeline: PipelineSpec,
  before: ReadonlySet<string>,
): string | undefined {
  if (value.kind === 'param' && !Object.hasOwn(pipeline.params, value.param))
    return `pipeline ${pipeline.name} has no parameter ${value.param}`
  if (value.kind === 'step' && !before.has(value.step))
    return `reads from step ${value.step}, which does not come before it`
  if (value.kind === 'item') return 'reads an item, which is not there'
  return undefined
}

function eachOf(step: StepSpec): Each | undefined {
  return step.kind === 'module' || step.kind === 'python' ? step.each : undefined
}

function* unlabelled(
  manifest: Manifest,
  { spec }: Extract<StepSpec, { kind: 'training-set' }>,
  at: string,
): Generator<Problem> {
  const dataset = manifest.datasets.find(({ name }) => name === spec.dataset)
  if (dataset && (dataset.label === undefined || dataset.at === undefined))
    yield {
      field: `${at}.spec.dataset`,
      message: `expected dataset ${dataset.name} to have \`at\` and \`label\``,
    }
}

function* ofTrigger(trigger: TriggerSpec, { name, params }: PipelineSpec): Generator<Problem> {
  const at = `triggers.${trigger.name}`
  const until = params[trigger.untilParam]?.type
  if (until !== undefined && until !== 'day')
    yield {
      field: `${at}.untilParam`,
      message: `expected a day, ${trigger.untilParam} is ${until}`,
    }
  for (const [param, { type, default: preset }] of Object.entries(params)) {
    const field = `${at}.params.${param}`
    const given = trigger.params[param]
    if (given !== undefined && given.kind !== 'literal')
      yield { field, message: 'expected a constant: no step runs before a trigger' }
    if (given === undefined && preset === undefined && param !== trigger.untilParam)
      yield { field, message: `pipeline ${name} wants a ${type} and has no preset` }
  }
}
