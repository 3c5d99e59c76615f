import type { Module } from '../../core/config.ts'
import { artifactRoutes } from './artifacts.ts'
import { assessmentRoutes } from './assessments.ts'
import { experimentRoutes } from './experiments.ts'
import { metricRoutes } from './metrics.ts'
import { issueRoutes } from './issues.ts'
import { loggedModelRoutes } from './logged-models.ts'
import { modelVersionRoutes } from './model-versions.ts'
import { multipartRoutes } from './multipart.ts'
import { registeredModelRoutes } from './registered-models.ts'
import type { MlflowRoute } from './route.ts'
import { runInputRoutes } from './run-inputs.ts'
import { runRoutes } from './runs.ts'
import { serverInfoRoutes } from './server-info.ts'
import { traceRoutes } from './traces.ts'

const BY_MODULE: Partial<Readonly<Record<Module, readonly MlflowRoute[]>>> = {
  tracking: [
    ...experimentRoutes,
    ...runRoutes,
    ...metricRoutes,
    ...runInputRoutes,
    ...loggedModelRoutes,
    ...artifactRoutes,
    ...multipartRoutes,
    ...traceRoutes,
    ...assessmentRoutes,
    ...issueRoutes,
    ...serverInfoRoutes,
  ],
  registry: [...registeredModelRoutes, ...modelVersionRoutes],
}

/** The routes of MLflow's door that the modules in use have an answer to. */
export function mlflowRoutes(modules: readonly Module[]): readonly MlflowRoute[] {
  return modules.flatMap((module) => BY_MODULE[module] ?? [])
}
