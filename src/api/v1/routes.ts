import { MODULES, type Module } from '../../core/config.ts'
import { GyreError } from '../../core/errors.ts'
import type { AnyRoute } from '../route.ts'
import { cancelBatch, listBatches, listBatchShards, showBatch, startBatch } from './batches.ts'
import { blobPresent, getBlob, putBlob } from './blobs.ts'
import { importDataset, listDatasets } from './datasets.ts'
import {
  cancelBackfill,
  listBackfills,
  listPartitions,
  showBackfill,
  startBackfill,
} from './backfills.ts'
import {
  abortRelease,
  advanceRelease,
  analyseCanary,
  approveRelease,
  declareEndpoint,
  listEndpoints,
  listReleases,
  openRelease,
  promoteCanary,
  releaseStatus,
  rollback,
} from './endpoints.ts'
import { eventStream, listEvents, verifyEvents } from './events.ts'
import { materialize, onlineFeatures } from './features.ts'
import {
  importAliases,
  importExperiments,
  importFiles,
  importLoggedModels,
  importModels,
  importModelVersions,
  importPoints,
  importRuns,
  importStages,
  importTraces,
} from './import.ts'
import { listExperiments, showExperiment } from './experiments.ts'
import { listEvaluationSets, listVerdicts } from './gates.ts'
import { createKey, listKeys, revokeKey } from './keys.ts'
import { listRetrains, settle } from './loop.ts'
import {
  aliasModel,
  listAliasMoves,
  approveModel,
  listModels,
  showLineage,
  showModel,
  prepareModel,
  registerModelFiles,
  showModelCard,
  showModelVersion,
  stageModel,
} from './models.ts'
import { checkMonitor, listAlerts, listWindows } from './monitors.ts'
import {
  cancelRun,
  listPipelineRuns,
  repeatRun,
  resumeRun,
  runDifference,
  showPipelineRun,
  startPipeline,
  stepFacts,
  stepHeartbeat,
  stepMetrics,
  stepCheckpoint,
  exchangeItems,
  listStepItems,
  stepReport,
  stepWhy,
  stepWork,
} from './pipelines.ts'
import { logStream, readLog, tellLog } from './logs.ts'
import { countPredictions, exportPredictions } from './predictions.ts'
import { applyProject, showCodeVersion, showProject } from './projects.ts'
import {
  differenceBetweenRuns,
  endRun,
  lastRunCheckpoint,
  listRuns,
  metricChart,
  metricHistory,
  runCheckpoint,
  runHeartbeat,
  showRun,
  startRun,
} from './runs.ts'
import { backup, gc } from './upkeep.ts'
import {
  askTrial,
  createStudy,
  listStudies,
  listTrials,
  removeStudy,
  showStudy,
  tellTrial,
  trialHeartbeat,
  trialReport,
} from './studies.ts'

/** What every module stands on: code, bytes, events, keys, upkeep. */
const GROUND: readonly AnyRoute[] = [
  blobPresent,
  putBlob,
  getBlob,
  applyProject,
  showProject,
  showCodeVersion,
  eventStream,
  listEvents,
  verifyEvents,
  createKey,
  listKeys,
  revokeKey,
  backup,
  gc,
]

const BY_MODULE: Readonly<Record<Module, readonly AnyRoute[]>> = {
  data: [importDataset, listDatasets],
  features: [materialize, onlineFeatures],
  pipelines: [
    startPipeline,
    listPipelineRuns,
    showPipelineRun,
    repeatRun,
    resumeRun,
    cancelRun,
    runDifference,
    stepWhy,
    listStepItems,
    listPartitions,
    startBackfill,
    listBackfills,
    showBackfill,
    cancelBackfill,
    stepWork,
    stepFacts,
    stepHeartbeat,
    stepMetrics,
    stepCheckpoint,
    stepReport,
    exchangeItems,
  ],
  tracking: [
    listExperiments,
    showExperiment,
    listRuns,
    showRun,
    startRun,
    runHeartbeat,
    runCheckpoint,
    lastRunCheckpoint,
    endRun,
    readLog,
    tellLog,
    logStream,
    metricHistory,
    differenceBetweenRuns,
    metricChart,
    showLineage,
    importExperiments,
    importRuns,
    importPoints,
    importFiles,
    importTraces,
    importLoggedModels,
    createStudy,
    listStudies,
    showStudy,
    listTrials,
    removeStudy,
    askTrial,
    trialHeartbeat,
    trialReport,
    tellTrial,
  ],
  registry: [
    listModels,
    showModel,
    showModelVersion,
    registerModelFiles,
    prepareModel,
    showModelCard,
    listVerdicts,
    listEvaluationSets,
    approveModel,
    stageModel,
    aliasModel,
    listAliasMoves,
    importModels,
    importModelVersions,
    importAliases,
    importStages,
  ],
  serving: [
    declareEndpoint,
    listEndpoints,
    openRelease,
    listReleases,
    releaseStatus,
    promoteCanary,
    advanceRelease,
    approveRelease,
    abortRelease,
    rollback,
    analyseCanary,
    countPredictions,
    exportPredictions,
    startBatch,
    listBatches,
    showBatch,
    listBatchShards,
    cancelBatch,
  ],
  monitoring: [listWindows, checkMonitor, listAlerts, settle, listRetrains],
}

/** The routes of the own API. Those of a module that is off answer NOT_FOUND and say how to have it. */
export function v1Routes(modules: readonly Module[]): readonly AnyRoute[] {
  const routes = MODULES.flatMap((module) =>
    modules.includes(module)
      ? BY_MODULE[module]
      : BY_MODULE[module].map((route) => switchedOff(route, module)),
  )
  return [...GROUND, ...routes]
}

function switchedOff(route: AnyRoute, module: Module): AnyRoute {
  const refuse = async (): Promise<never> => {
    throw new GyreError('NOT_FOUND', `${module} is off here: name it in --modules`, { module })
  }
  const { method, path, scope } = route
  const summary = `${route.summary} (off: --modules does not name ${module})`
  return { kind: 'stream', method, path, summary, scope, errors: ['NOT_FOUND'], handle: refuse }
}
