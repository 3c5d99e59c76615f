import type { Label } from '../../tracking/tracked-run.ts'
import type { VersionRow } from './mlflow-shape.ts'
import type { Tally } from './tally.ts'

/** What of a store the sources of its model versions can name. */
export interface KnownRoots {
  /** Ids of runs. */
  readonly runs: { has(id: string): boolean }
  /** Ids of logged models. */
  readonly models: { has(id: string): boolean }
  /** Where the artifacts of a run lie; undefined for one that is not there. */
  readonly locationOf: (run: string) => string | undefined
}

const OF_RUN = /(?:^|\/)([^/]+)\/artifacts(?:\/(.*))?$/s
const OF_MODEL = /(?:^|\/)models\/(m-[^/]+)(?:\/artifacts)?\/?$/

/**
 * The files of a model version as Gyre names them, `runs:/RUN/PATH` or `models:/LOGGED_MODEL`; undefined where they
 * lie with no run and no logged model of the store.
 */
function gyreSource(
  source: string,
  runId: string | null,
  { runs, models, locationOf }: KnownRoots,
): string | undefined {
  const [, run] = /^runs:\/([^/]+)/.exec(source) ?? []
  if (run !== undefined) return runs.has(run) ? source : undefined
  const [, model] = /^models:\/(m-[^/]+)$/.exec(source) ?? OF_MODEL.exec(source) ?? []
  if (model !== undefined) return models.has(model) ? `models:/${model}` : undefined
  const location = runId === null ? undefined : locationOf(runId)
  if (location !== undefined && source.startsWith(`${location}/`))
    return ofRun(runId ?? '', source.slice(location.length + 1))
  const [, folder = '', path = ''] = OF_RUN.exec(source) ?? []
  return runs.has(folder) ? ofRun(folder, path) : undefined
}

function ofRun(run: string, path: string): string {
  const trimmed = path.replace(/\/$/, '')
  return trimmed === '' ? `runs:/${run}` : `runs:/${run}/${trimmed}`
}

/** As `gyreSource`, or what stands there for a prompt, which has no files; told to the tally where there is none. */
export function versionSource(
  tally: Tally,
  { name, version, source, run_id }: VersionRow,
  tags: readonly Label[],
  known: KnownRoots,
): string | undefined {
  if (tags.some(({ key, value }) => key === PROMPT && value.toLowerCase() === 'true')) return source
  const named = gyreSource(source, run_id, known)
  if (named === undefined)
    tally.miss(
      'model versions',
      `${name}@${version}`,
      `its files are at ${source}, with no run and no logged model that is imported`,
    )
  return named
}

const PROMPT = 'mlflow.prompt.is_prompt'

/** Puts down a version of which MLflow has kept only that it was there. */
export function leaveDeleted(tally: Tally, tags = 0): void {
  const reason = 'MLflow keeps nothing of them but the number'
  tally.leave('deleted model versions', reason)
  tally.leave('model version tags', reason, tags)
}
