import { INVALID, REFUSED, type Difference } from './difference.ts'
import { artifactLocation } from './differences/artifact-location.ts'
import { artifacts } from './differences/artifacts.ts'
import { batches } from './differences/batches.ts'
import { datasets } from './differences/datasets.ts'
import { experiments } from './differences/experiments.ts'
import { issues } from './differences/issues.ts'
import { loggedModels } from './differences/logged-models.ts'
import { metrics } from './differences/metrics.ts'
import { prompts } from './differences/prompts.ts'
import { registry } from './differences/registry.ts'
import { searchExperiments } from './differences/search-experiments.ts'
import { searchModels } from './differences/search-models.ts'
import { searchRuns } from './differences/search-runs.ts'
import { traces } from './differences/traces.ts'
import type { Step } from './scenario.ts'

/** Every intended difference, by scenario, but the one `asGyre` knows by itself. One that is none any more fails. */
const DIFFERENCES: Readonly<Record<string, readonly Difference[]>> = {
  artifact_location: artifactLocation,
  artifacts,
  batches,
  datasets,
  experiments,
  issues,
  logged_models: loggedModels,
  metrics,
  prompts,
  registry,
  search_experiments: searchExperiments,
  search_models: searchModels,
  search_runs: searchRuns,
  traces,
}

/**
 * What Gyre should answer where MLflow answered `transcript`: the same, but for the intended differences. MLflow
 * answers some bad input with 500, or cuts the connection, and its client then tries for four minutes; Gyre answers
 * it with 400.
 */
export function asGyre(scenario: string, transcript: readonly Step[]): readonly Step[] {
  const differences = DIFFERENCES[scenario] ?? []
  const meant = new Map(differences.flatMap(({ gyre }) => Object.entries(gyre)))
  const unmet = new Set(meant.keys())
  const expected = transcript.map(({ step, value }): Step => {
    if (!meant.has(step)) return { step, value: refused(value) }
    const gyre = meant.get(step)
    if (JSON.stringify(value) !== JSON.stringify(gyre)) unmet.delete(step)
    return { step, value: gyre }
  })
  if (unmet.size > 0) throw new Error(`no difference from MLflow: ${[...unmet].join(', ')}`)
  return expected
}

function refused(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if ('status' in value && (value.status === 500 || value.status === 'cut')) return REFUSED
  if ('error' in value && value.error === 'HTTP 500') return INVALID
  return value
}
