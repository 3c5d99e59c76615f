import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { assertModelName } from './model-name.ts'
import {
  badSource,
  isPlaceholder,
  parseSource,
  type FileSource,
  type ModelSource,
} from './model-source.ts'
import { assertDescription, isPrompt, toTags, type Tag } from './model-tag.ts'
import { findAlias, getByKey } from './model-version.ts'
import { insertVersion, type VersionContent } from './new-version.ts'
import { seqOfModel } from './registered-model.ts'
import { keyOf, type VersionKey } from './version-key.ts'

/** A version as a client asks for one; members that it left out are undefined. */
export interface SourcedVersion {
  readonly name: string
  readonly source: string
  readonly runId?: string | undefined
  readonly modelId?: string | undefined
  readonly runLink?: string | undefined
  readonly description?: string | undefined
  readonly tags?: readonly Tag[]
}

/** Files as they were at one moment. */
export interface Frozen {
  /** Of their tree, in the blob store; an empty one where there are no files. */
  readonly digest: Digest
  /** The run that they or their logged model belong to. */
  readonly runId: string | null
}

/**
 * Keeps the files of a source as a tree that nothing changes any more. Throws NOT_FOUND where the project of `ctx`
 * has no such run, logged model or experiment.
 */
export type Freeze = (ctx: Context, source: FileSource) => Promise<Frozen>

/** Tells a logged model, in the unit that makes it, of a version of its files. */
export type TellLoggedModel = (
  tx: Tx,
  ctx: Context,
  modelId: string,
  version: VersionKey,
) => Promise<void>

interface Deps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly freeze: Freeze
  readonly tellLoggedModel: TellLoggedModel
}

type Origin = Pick<VersionContent, 'digest' | 'source' | 'runId' | 'modelId'>

/**
 * The next version of a model, of the files as they are now. Throws NOT_FOUND for the model, and INVALID_ARGUMENT
 * for any source but one that Gyre would mint and that run or logged model of the project holds.
 */
export async function createVersion(
  deps: Deps,
  ctx: Context,
  asked: SourcedVersion,
): Promise<ModelVersion> {
  const { name, source, runLink = '', description = '' } = asked
  assertModelName(name)
  assertDescription(description)
  if (source === '')
    throw new GyreError('INVALID_ARGUMENT', 'source: expected where the files are', {
      field: 'source',
    })
  const tags = toTags(asked.tags ?? [])
  const parsed = isPrompt(tags) ? undefined : parseSource(source)
  if (isPrompt(tags) ? !isPlaceholder(source) : !parsed) throw badSource(source)
  await seqOfModel(deps.catalog.read, ctx, name)
  const content = { name, runLink, description, metrics: {}, tags }
  const frozen = parsed?.kind === 'files' ? await frozenOrigin(deps, ctx, asked, parsed) : undefined
  return deps.catalog.write(async (tx) => {
    await seqOfModel(tx, ctx, name)
    const origin =
      frozen ??
      (parsed?.kind === 'version'
        ? await originOfVersion(tx, ctx, asked, parsed)
        : promptOrigin(asked))
    const version = await insertVersion(deps, tx, ctx, { ...content, ...origin })
    if (parsed && asked.modelId) await deps.tellLoggedModel(tx, ctx, asked.modelId, keyOf(version))
    return version
  })
}

/** A prompt is its tags. */
function promptOrigin({ source, runId }: SourcedVersion): Origin {
  return { digest: '', source, runId: runId || null, modelId: null }
}

/** The files below a run or a logged model, which `run_id` or `model_id` must name too, as MLflow has it. */
async function frozenOrigin(
  { freeze }: Deps,
  ctx: Context,
  { source, runId, modelId }: SourcedVersion,
  parsed: FileSource,
): Promise<Origin> {
  const { root } = parsed
  const named = root.kind === 'run' ? (modelId ? undefined : runId) : modelId
  if (named !== root.id) throw badSource(source)
  const frozen = await freeze(ctx, parsed).catch((thrown: unknown) => {
    throw toGyreError(thrown).code === 'NOT_FOUND' ? badSource(source) : thrown
  })
  if (runId && runId !== frozen.runId) throw badSource(source)
  return { ...frozen, source, modelId: modelId || null }
}

/** The files of another version, and all that is known of where they come from. */
async function originOfVersion(
  tx: Tx,
  ctx: Context,
  { source, runId, modelId }: SourcedVersion,
  { name, version }: Extract<ModelSource, { kind: 'version' }>,
): Promise<Origin> {
  const key =
    'number' in version
      ? { name, version: version.number }
      : await findAlias(tx, ctx, name, version.alias)
  if (!key) throw badSource(source)
  const from = await getByKey(tx, ctx, key)
  if (from.digest === '' || isOther(runId, from.runId) || isOther(modelId, from.modelId))
    throw badSource(source)
  return {
    digest: from.digest,
    source: `models:/${key.name}/${key.version}`,
    runId: from.runId,
    modelId: from.modelId,
  }
}

/** What is not said is what is known. */
function isOther(given: string | undefined, known: string | null): boolean {
  return given !== undefined && given !== (known ?? '')
}
