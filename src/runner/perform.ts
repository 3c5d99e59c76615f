import type { Artifact } from '@gyre/sdk/wire/artifact'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { StepWork } from '@gyre/sdk/wire/step'
import { GyreError } from '../core/errors.ts'
import type { StartScript } from '../train/python-process.ts'
import type { OpenModel } from '../train/scored-model.ts'
import { createStepFiles, type StepFiles } from '../train/step-files.ts'
import { createMetricSender, type MetricSender } from './metric-sender.ts'
import { Done, factTeller, type FactTeller, type Station } from './station.ts'

/** Where a step is worked on. */
export interface Workplace {
  readonly station: Station
  /** A folder of its own. */
  readonly folder: string
  /** It is told to end. */
  readonly signal: AbortSignal
  readonly start: StartScript
  readonly openModel: OpenModel
}

/** A step that is done once, with what it may tell of itself. */
export interface Assignment extends Workplace {
  readonly work: StepWork
  readonly files: StepFiles
  readonly metrics: MetricSender
  readonly tell: FactTeller
  /** What was told before is kept with the checkpoint. */
  readonly commit: (step: number, artifact: Artifact) => Promise<void>
}

/** Asks for the step's work, does it and gives its outputs. What a kind of step needs is loaded for that kind alone. */
export async function perform(place: Workplace): Promise<JsonValue> {
  const { client, path, fence } = place.station
  const work = await client.get(`${path}/work`, StepWork)
  const metrics = createMetricSender(place.station)
  const assignment: Assignment = {
    ...place,
    work,
    metrics,
    files: createStepFiles(client, place.folder),
    tell: factTeller(place.station),
    async commit(step, artifact) {
      await metrics.flush()
      await client.post(`${path}/checkpoint`, { fence, step, artifact }, Done)
    },
  }
  const { spec } = work
  switch (spec.kind) {
    case 'python':
      return (await import('./script-step.ts')).performScript(assignment, spec)
    case 'module':
      return (await import('./module-step.ts')).performModule(assignment, spec)
    case 'gate':
      return (await import('./gate-step.ts')).performGate(assignment, spec)
    case 'training-set':
    case 'register':
      throw new GyreError('INTERNAL', `step ${work.step} of kind ${spec.kind} runs in the server`)
  }
}
