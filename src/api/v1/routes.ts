import type { AnyRoute } from '../route.ts'
import { blobPresent, getBlob, putBlob } from './blobs.ts'
import { importDataset, listDatasets } from './datasets.ts'
import {
  analyseCanary,
  listEndpoints,
  listReleases,
  openRelease,
  promoteCanary,
  rollback,
} from './endpoints.ts'
import { eventStream, listEvents, verifyEvents } from './events.ts'
import { materialize, onlineFeatures } from './features.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'
import { listRetrains, settle } from './loop.ts'
import {
  aliasModel,
  approveModel,
  listModels,
  showLineage,
  showModel,
  showModelVersion,
  stageModel,
} from './models.ts'
import { checkMonitor, listAlerts, listWindows } from './monitors.ts'
import {
  listPipelineRuns,
  showPipelineRun,
  startPipeline,
  stepHeartbeat,
  stepMetrics,
  stepReport,
  stepWork,
} from './pipelines.ts'
import { countPredictions, exportPredictions } from './predictions.ts'
import { applyProject, showProject } from './projects.ts'
import { listRuns, showRun } from './runs.ts'

/** Every route of the own API. */
export const V1_ROUTES: readonly AnyRoute[] = [
  blobPresent,
  putBlob,
  getBlob,
  applyProject,
  showProject,
  importDataset,
  listDatasets,
  materialize,
  onlineFeatures,
  startPipeline,
  listPipelineRuns,
  showPipelineRun,
  stepWork,
  stepHeartbeat,
  stepMetrics,
  stepReport,
  listRuns,
  showRun,
  listModels,
  showModel,
  showModelVersion,
  approveModel,
  stageModel,
  aliasModel,
  showLineage,
  listEndpoints,
  openRelease,
  listReleases,
  promoteCanary,
  rollback,
  analyseCanary,
  countPredictions,
  exportPredictions,
  listWindows,
  checkMonitor,
  listAlerts,
  settle,
  listRetrains,
  eventStream,
  listEvents,
  verifyEvents,
  createKey,
  listKeys,
  revokeKey,
]
