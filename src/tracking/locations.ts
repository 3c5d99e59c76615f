import { sql, type RawBuilder } from 'kysely'
import { GyreError } from '../core/errors.ts'
import type { ArtifactPlace } from './artifact-root.ts'

/**
 * Where the client believes artifacts to lie. The scheme sends it back to this server's artifact routes; a client
 * never chooses a location.
 */
export function experimentLocation(experiment: number): string {
  return `mlflow-artifacts:/${experiment}`
}

export function runLocation(experiment: number, run: string): string {
  return `${experimentLocation(experiment)}/${run}/artifacts`
}

export function loggedModelLocation(experiment: number, model: string): string {
  return `${experimentLocation(experiment)}/models/${model}/artifacts`
}

export function traceLocation(experiment: number, trace: string): string {
  return `${experimentLocation(experiment)}/traces/${trace}/artifacts`
}

/** `runLocation` of the row of `runs` at hand, in SQL. */
export const RUN_LOCATION: RawBuilder<string> = sql`'mlflow-artifacts:/' || runs.experiment || '/' || runs.id || '/artifacts'`

const LOCATION = /^(\d{1,15})\/(?:(models|traces)\/)?([^/]+)\/artifacts(?:\/(.+))?$/s

const KINDS = { models: 'logged-model', traces: 'trace' } as const

/** What a location means without its scheme: `EXPERIMENT/RUN/artifacts/PATH`. Throws NOT_FOUND where nothing can be. */
export function parseLocation(location: string): ArtifactPlace {
  const [, experiment, folder, id, path = ''] = LOCATION.exec(location) ?? []
  if (id === undefined) throw new GyreError('NOT_FOUND', `No such artifact: '${location}'`)
  const kind = folder === 'models' || folder === 'traces' ? KINDS[folder] : 'run'
  return { root: { kind, id, experiment: Number(experiment) }, path }
}
