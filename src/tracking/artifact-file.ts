import { Artifact } from '@gyre/sdk/wire/artifact'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import type { Tables } from '../store/schema.ts'
import { atOrBelow, type Folder } from './artifact-listing.ts'

/** Makes `artifact` the file of a path. Throws INVALID_ARGUMENT where a folder is, or below a file. */
export async function putFile(
  tx: Tx,
  place: Folder,
  { digest, bytes, mediaType: media_type }: Artifact,
  atMs: number,
): Promise<void> {
  await assertNoClash(tx, place)
  const content = { digest, bytes, media_type, at_ms: atMs }
  await tx
    .insertInto('artifact_files')
    .values({ ...place, ...content })
    .onConflict((conflict) => conflict.columns(['project', 'root', 'path']).doUpdateSet(content))
    .execute()
}

/** Throws INVALID_ARGUMENT where a file of this path would lie in a folder's place or below a file. */
export async function assertNoClash(db: Tx, { project, root, path }: Folder): Promise<void> {
  const below = await db
    .selectFrom('artifact_files')
    .select('path')
    .where(atOrBelow({ project, root, path }))
    .where('path', '!=', path)
    .limit(1)
    .executeTakeFirst()
  if (below) throw clash(`'${path}' is a folder: it holds '${below.path}'`)
  const above = [...foldersAbove(path)]
  if (above.length === 0) return
  const file = await db
    .selectFrom('artifact_files')
    .select('path')
    .where('project', '=', project)
    .where('root', '=', root)
    .where('path', 'in', above)
    .executeTakeFirst()
  if (file) throw clash(`'${file.path}' is a file and cannot hold '${path}'`)
}

function clash(what: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `path: ${what}`, { field: 'path' })
}

function* foldersAbove(path: string): Generator<string> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1))
    yield path.slice(0, end)
}

/** The bytes of a row. */
export function artifactOf({
  digest,
  bytes,
  media_type: mediaType,
}: Pick<Tables['artifact_files'], 'digest' | 'bytes' | 'media_type'>): Artifact {
  return Artifact.parse({ digest, bytes, mediaType })
}
