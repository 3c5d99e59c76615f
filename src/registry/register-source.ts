import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import { assertModelName } from './model-name.ts'
import { putModel } from './model-row.ts'
import { badSource, parseSource } from './model-source.ts'
import { findByDigest } from './model-version.ts'
import { insertVersion } from './new-version.ts'
import type { Freeze } from './sourced-version.ts'

export interface RegisterSourceDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly clock: Clock
  readonly blobs: Pick<Blobs, 'readTree'>
  readonly freeze: Freeze
}

/**
 * A version made of files that a run or a logged model holds, of that run; the newest version of the name that
 * consists of the same files is given again. Throws INVALID_ARGUMENT for another source, NOT_FOUND where it has no
 * files.
 */
export async function registerSource(
  deps: RegisterSourceDeps,
  ctx: Context,
  name: string,
  source: string,
): Promise<ModelVersion> {
  const { catalog, clock, blobs, freeze } = deps
  assertModelName(name)
  const parsed = parseSource(source)
  if (parsed?.kind !== 'files') throw badSource(source)
  const { digest, runId } = await freeze(ctx, parsed)
  const { entries } = await blobs.readTree(ArtifactDigest.parse(digest))
  if (entries.length === 0)
    throw new GyreError('NOT_FOUND', `source: there are no files at ${source}`, { field: 'source' })
  const known = await findByDigest(catalog.read, ctx, name, digest)
  if (known) return known
  const modelId = parsed.root.kind === 'logged-model' ? parsed.root.id : null
  return catalog.write(async (tx) => {
    await putModel(tx, ctx, { name, description: '', atMs: clock.now().getTime() })
    const content = { name, digest, source, runId, modelId, runLink: '', description: '' }
    return insertVersion(deps, tx, ctx, { ...content, metrics: {}, tags: [] })
  })
}
