import type { Access } from '../access/access.ts'
import type { Batches } from '../batches/batches.ts'
import type { Convert } from '../convert/convert.ts'
import type { Data } from '../data/data.ts'
import type { Evaluate } from '../evaluate/evaluate.ts'
import type { Features } from '../features/features.ts'
import type { Loop } from '../loop/loop.ts'
import type { Monitor } from '../monitor/monitor.ts'
import type { Pipelines } from '../pipelines/pipelines.ts'
import type { Predictions } from '../predictions/predictions.ts'
import type { Projects } from '../projects/projects.ts'
import type { Registry } from '../registry/registry.ts'
import type { Releases } from '../release/release.ts'
import type { Routes } from '../routes/routes.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Events } from '../store/events.ts'
import type { RunLogs } from '../store/run-logs.ts'
import type { Runs } from '../store/runs.ts'
import type { Studies } from '../studies/studies.ts'
import type { Artifacts } from '../tracking/artifacts.ts'
import type { HeldRuns } from '../tracking/held-runs.ts'
import type { LoggedModels } from '../tracking/logged-models.ts'
import type { RunInputs } from '../tracking/run-inputs.ts'
import type { Imports } from '../tracking/import.ts'
import type { Tracking } from '../tracking/tracking.ts'
import type { Traces } from '../traces/traces.ts'
import type { Upkeep } from '../upkeep/upkeep.ts'

/** The rooms whose verbs routes may call. */
export interface Rooms {
  readonly access: Access
  readonly artifacts: Artifacts
  readonly batches: Batches
  readonly blobs: Blobs
  readonly convert: Convert
  readonly data: Data
  readonly evaluate: Pick<Evaluate, 'verdicts' | 'evaluationSets'>
  readonly events: Events
  readonly features: Features
  readonly heldRuns: HeldRuns
  readonly imports: Imports
  readonly loggedModels: LoggedModels
  readonly logs: RunLogs
  readonly loop: Loop
  readonly monitor: Monitor
  readonly pipelines: Pipelines
  readonly predictions: Predictions
  readonly projects: Projects
  readonly registry: Registry
  readonly releases: Releases
  readonly routes: Routes
  readonly runInputs: RunInputs
  readonly runs: Runs
  readonly studies: Studies
  readonly traces: Traces
  readonly tracking: Tracking
  readonly upkeep: Upkeep
}
