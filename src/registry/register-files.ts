import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import type { Digest } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Events } from '../store/events.ts'
import type { Runs } from '../store/runs.ts'
import { findByDigest } from './model-version.ts'
import { addVersion } from './new-version.ts'

export interface RegisterFilesDeps {
  readonly catalog: Catalog
  readonly events: Events
  readonly runs: Runs
  readonly clock: Clock
  readonly blobs: Pick<Blobs, 'sizeOf' | 'putTree'>
}

/**
 * A version made of files that were put into the store, by a run that says who brought them; the newest version of
 * the name that consists of the same files is given again. Throws NOT_FOUND naming a file whose bytes are not there.
 */
export async function registerFiles(
  deps: RegisterFilesDeps,
  ctx: Context,
  name: string,
  files: Readonly<Record<string, Digest>>,
): Promise<ModelVersion> {
  const { catalog, runs, blobs } = deps
  const entries = Object.entries(files).map(async ([path, digest]) => {
    const bytes = await blobs.sizeOf(digest)
    if (bytes === undefined)
      throw new GyreError('NOT_FOUND', `files.${path}: ${digest} is not stored; put it first`, {
        field: `files.${path}`,
        digest,
      })
    return { path, artifact: { digest, bytes, mediaType: 'application/octet-stream' } }
  })
  const { digest } = await blobs.putTree(await Promise.all(entries))
  const known = await findByDigest(catalog.read, ctx, name, digest)
  if (known) return known
  const run = await runs.start(ctx, { kind: 'import', name, endsWithServer: true })
  return catalog.write(async (tx) => {
    const version = await addVersion(deps, tx, ctx, { name, digest, metrics: {}, runId: run.id })
    const made = { role: 'model', ref: version.ref, digest }
    await runs.finish(ctx, run.id, { status: 'succeeded', outputs: [made] }, tx)
    return version
  })
}
