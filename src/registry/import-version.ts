import type { ImportedTagged, ImportModelVersion } from '@gyre/sdk/wire/import'
import { DigestText } from '@gyre/sdk/wire/ref'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { judgeLabels } from '../core/import-outcome.ts'
import { assertModelName } from './model-name.ts'
import { badSource, isPlaceholder, parseSource } from './model-source.ts'
import { assertDescription, isPrompt, toTags } from './model-tag.ts'
import { insertVersion } from './new-version.ts'
import { seqOfModel } from './registered-model.ts'
import type { Freeze } from './sourced-version.ts'
import { putVersionTag } from './version-change.ts'

export interface ImportVersionDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly blobs: Pick<Blobs, 'readTree'>
  readonly freeze: Freeze
}

/**
 * Makes a version of what another registry kept, under its number, of files that were imported before, or adds the
 * tags it lacks. Throws NOT_FOUND for the model or the files, INVALID_ARGUMENT, and CONFLICT where its number is
 * another version's here.
 */
export async function importVersion(
  deps: ImportVersionDeps,
  ctx: Context,
  version: ImportModelVersion,
): Promise<ImportedTagged> {
  const { name, description, runLink, createdMs, updatedMs } = version
  assertModelName(name)
  assertDescription(description ?? '')
  const tags = toTags(version.tags)
  await seqOfModel(deps.catalog.read, ctx, name)
  const origin = await originOf(deps, ctx, version)
  return deps.catalog.write(async (tx) => {
    const known = await findRow(tx, ctx, version)
    if (known && (known.created_ms !== createdMs || known.run_id !== origin.runId))
      throw new GyreError('CONFLICT', 'another version of its number is here')
    const here = known ? await tagsOf(tx, known.seq) : new Map<string, string>()
    const { fresh, outcomes } = judgeLabels(version.tags, here)
    if (known) for (const tag of fresh) await putVersionTag(tx, known.seq, tag)
    else
      await insertVersion(
        deps,
        tx,
        ctx,
        { name, runLink, description: description ?? '', metrics: {}, tags, ...origin },
        { version: version.version, createdMs, updatedMs },
      )
    return { outcome: known ? 'there' : 'imported', tags: [...outcomes] }
  })
}

/** Its files as they are now; none for a prompt, which is its tags. */
async function originOf(
  { freeze, blobs }: ImportVersionDeps,
  ctx: Context,
  { source, runId, tags }: ImportModelVersion,
) {
  if (isPrompt(tags)) {
    if (!isPlaceholder(source)) throw badSource(source)
    return { digest: '', source, runId, modelId: null }
  }
  const parsed = parseSource(source)
  if (parsed?.kind !== 'files') throw badSource(source)
  const frozen = await freeze(ctx, parsed)
  const { entries } = await blobs.readTree(DigestText.parse(frozen.digest))
  if (entries.length === 0) throw new GyreError('NOT_FOUND', `there are no files at ${source}`)
  const modelId = parsed.root.kind === 'logged-model' ? parsed.root.id : null
  return { digest: frozen.digest, source, runId: runId ?? frozen.runId, modelId }
}

/** A deleted version too: its number is not given again. */
async function findRow(tx: Tx, { project }: Context, { name, version }: ImportModelVersion) {
  return tx
    .selectFrom('model_versions')
    .select(['seq', 'created_ms', 'run_id'])
    .where('project', '=', project)
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst()
}

async function tagsOf(tx: Tx, version: number): Promise<ReadonlyMap<string, string>> {
  const rows = await tx
    .selectFrom('model_version_tags')
    .select(['key', 'value'])
    .where('version', '=', version)
    .execute()
  return new Map(rows.map(({ key, value }) => [key, value]))
}
