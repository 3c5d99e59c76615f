import type { Artifact } from '@gyre/sdk/wire/artifact'
import type { ImportedFile, ImportFiles } from '@gyre/sdk/wire/import'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import { artifactOf, putFile } from './artifact-file.ts'
import type { Folder } from './artifact-listing.ts'
import { experimentOf, rootKey } from './artifact-root.ts'
import type { Artifacts } from './artifacts.ts'

export interface ImportFileDeps {
  readonly catalog: Catalog
  readonly blobs: Pick<Blobs, 'has' | 'sizeOf'>
  readonly clock: Clock
  readonly artifacts: Pick<Artifacts, 'checkPath'>
}

type GivenFile = ImportFiles['files'][number]

/**
 * Gives a file of a run or a logged model its place, once its bytes are stored. Throws NOT_FOUND for the root or the
 * bytes, INVALID_ARGUMENT for the path.
 */
export async function importFile(
  { catalog, blobs, clock, artifacts }: ImportFileDeps,
  ctx: Context,
  root: ImportFiles['root'],
  { path, digest, mediaType, instead }: GivenFile,
): Promise<ImportedFile> {
  artifacts.checkPath(ctx, path)
  const bytes = (await blobs.has(digest)) ? await blobs.sizeOf(digest) : undefined
  if (bytes === undefined) throw new GyreError('NOT_FOUND', `no such artifact: ${digest}`)
  const place = { project: ctx.project, root: rootKey(root), path }
  return catalog.write(async (tx) => {
    await experimentOf(tx, ctx, root)
    const here = await fileAt(tx, place)
    if (here?.digest === digest) return { outcome: 'there', here: null }
    if (here && here.digest !== instead)
      return {
        outcome: { refused: 'another file of its name is here' },
        here: { digest: here.digest, bytes: here.bytes },
      }
    await putFile(tx, place, { digest, bytes, mediaType }, clock.now().getTime())
    return { outcome: 'imported', here: null }
  })
}

async function fileAt(tx: Tx, { project, root, path }: Folder): Promise<Artifact | undefined> {
  const row = await tx
    .selectFrom('artifact_files')
    .select(['digest', 'bytes', 'media_type'])
    .where('project', '=', project)
    .where('root', '=', root)
    .where('path', '=', path)
    .executeTakeFirst()
  return row && artifactOf(row)
}
