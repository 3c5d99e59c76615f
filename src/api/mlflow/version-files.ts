import type { TreeEntry } from '@gyre/sdk/wire/artifact'
import type { Context } from '../../core/context.ts'
import { GyreError } from '../../core/errors.ts'
import type { VersionPath } from '../../registry/version-location.ts'
import type { ArtifactEntry } from '../../tracking/artifact-listing.ts'
import type { FileToSend } from '../file-reply.ts'
import type { Rooms } from '../rooms.ts'

/** A file of a model version, as it was when the version was made. Throws NOT_FOUND. */
export async function openVersionFile(
  { registry, blobs }: Pick<Rooms, 'registry' | 'blobs'>,
  ctx: Context,
  { path, ...key }: VersionPath,
): Promise<FileToSend> {
  const { entries } = await registry.versions.files(ctx, key)
  const entry = entries.find((one) => one.path === path)
  if (!entry) throw new GyreError('NOT_FOUND', `No such artifact: '${path}'`, { path })
  return { ...entry.artifact, path, read: (range) => blobs.get(entry.artifact.digest, range) }
}

/** One level of a folder of a model version; nothing where there is no such folder. */
export async function listVersionFiles(
  { registry }: Pick<Rooms, 'registry'>,
  ctx: Context,
  { path, ...key }: VersionPath,
): Promise<readonly ArtifactEntry[]> {
  const { entries } = await registry.versions.files(ctx, key)
  return levelOf(entries, path)
}

/** What lies directly in a folder, by path; a folder where its first file is. */
function levelOf(entries: readonly TreeEntry[], folder: string): readonly ArtifactEntry[] {
  const prefix = folder === '' ? '' : `${folder}/`
  const level = new Map<string, ArtifactEntry>()
  for (const { path, artifact } of entries) {
    if (!path.startsWith(prefix)) continue
    const end = path.indexOf('/', prefix.length)
    if (end < 0) level.set(path, { kind: 'file', path, bytes: artifact.bytes })
    else level.set(path.slice(0, end), { kind: 'folder', path: path.slice(0, end) })
  }
  return [...level.values()]
}
