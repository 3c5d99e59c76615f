import { TreePath } from '@gyre/sdk/wire/artifact'
import { GyreError } from '../core/errors.ts'
import { readVersionLocation } from './version-location.ts'

/** Files that a run or a logged model of the project holds. */
export interface FileSource {
  readonly kind: 'files'
  readonly root: {
    readonly kind: 'run' | 'logged-model'
    readonly id: string
    /** The experiment that the source says it is in; absent where it says nothing. */
    readonly experiment?: number
  }
  /** Below the root's artifacts; empty for all of them. */
  readonly path: string
}

/** Where a client says the files of a new version are: with a run, with a logged model, or with another version. */
export type ModelSource =
  | FileSource
  | {
      readonly kind: 'version'
      readonly name: string
      readonly version: { readonly number: number } | { readonly alias: string }
    }

/** What MLflow's clients write where a prompt has no files. */
const PLACEHOLDERS: ReadonlySet<string> = new Set(['dummy-source', 'prompt-template'])

const RUN_ID = String.raw`[a-zA-Z0-9][\w-]{0,255}`
const MODEL_ID = String.raw`m-[\w-]{1,254}`

/** Everything that Gyre would mint, and nothing else: no host, no query, no encoding, no other scheme. */
const IN_RUN = new RegExp(
  String.raw`^mlflow-artifacts:/(\d{1,15})/(${RUN_ID})/artifacts(?:/(.*))?$`,
  's',
)
const IN_MODEL = new RegExp(
  String.raw`^mlflow-artifacts:/(\d{1,15})/models/(${MODEL_ID})/artifacts(?:/(.*))?$`,
  's',
)
const OF_RUN = new RegExp(`^runs:/(${RUN_ID})(?:/(.*))?$`, 's')
const OF_MODEL = new RegExp(`^models:/(${MODEL_ID})$`)
const OF_VERSION = /^models:\/([^/:]+)\/([1-9]\d{0,8})$/
const OF_ALIAS = /^models:\/([^/:]+)@([^/:@]+)$/
const FROZEN = 'mlflow-artifacts:/'

/** Reads a source; undefined for whatever Gyre would never have minted. */
export function parseSource(text: string): ModelSource | undefined {
  const model = OF_MODEL.exec(text)
  if (model) return files('logged-model', model[1], undefined, '')
  const inModel = IN_MODEL.exec(text)
  if (inModel) return files('logged-model', inModel[2], inModel[1], inModel[3])
  const inRun = IN_RUN.exec(text)
  if (inRun) return files('run', inRun[2], inRun[1], inRun[3])
  const ofRun = OF_RUN.exec(text)
  if (ofRun) return files('run', ofRun[1], undefined, ofRun[2])
  return parseVersion(text)
}

function parseVersion(text: string): ModelSource | undefined {
  const [, name, number] = OF_VERSION.exec(text) ?? []
  if (name !== undefined) return { kind: 'version', name, version: { number: Number(number) } }
  const [, aliased, alias] = OF_ALIAS.exec(text) ?? []
  if (aliased !== undefined && alias !== undefined)
    return { kind: 'version', name: aliased, version: { alias } }
  const frozen = text.startsWith(FROZEN)
    ? readVersionLocation(text.slice(FROZEN.length))
    : undefined
  if (!frozen || frozen.path !== '') return undefined
  return { kind: 'version', name: frozen.name, version: { number: frozen.version } }
}

function files(
  kind: FileSource['root']['kind'],
  id = '',
  experiment: string | undefined,
  given = '',
): FileSource | undefined {
  const path = given.endsWith('/') ? given.slice(0, -1) : given
  if (path !== '' && (/[%#]/.test(path) || !TreePath.safeParse(path).success)) return undefined
  return {
    kind: 'files',
    root: { kind, id, ...(experiment === undefined ? {} : { experiment: Number(experiment) }) },
    path,
  }
}

export function isPlaceholder(source: string): boolean {
  return PLACEHOLDERS.has(source)
}

/** One answer for what is malformed, missing and another project's, so that nobody learns which. */
export function badSource(source: string): GyreError {
  return new GyreError(
    'INVALID_ARGUMENT',
    `Invalid model version source: '${source.slice(0, 500)}'. It must lie in the run or logged model that run_id or model_id names: runs:/RUN_ID/PATH, models:/MODEL_ID, models:/NAME/VERSION, or an artifact_uri as it was given.`,
    { field: 'source' },
  )
}
