import type { Readable } from 'node:stream'
import type { Artifact } from '@gyre/sdk/wire/artifact'
import type { Clock } from '../core/clock.ts'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Log } from '../core/log.ts'
import type { Blobs, ByteRange } from '../store/blobs.ts'
import type { Catalog, Tx } from '../store/catalog.ts'
import { artifactOf, assertNoClash, putFile } from './artifact-file.ts'
import { atOrBelow, listFolder, type ArtifactPage, type Folder } from './artifact-listing.ts'
import { pathFault, trimFolder } from './artifact-path.ts'
import { experimentOf, rootKey, type ArtifactPlace, type ArtifactRoot } from './artifact-root.ts'
import { createUploads, type Uploads } from './artifact-uploads.ts'

/** A stored file. */
export interface ArtifactFile extends Artifact {
  readonly path: string
}

/** What a client says of a file before it sends it. */
export interface ToldOfFile {
  readonly mediaType?: string | undefined
  readonly announcedBytes?: number | undefined
}

export interface OpenedFile extends ArtifactFile {
  /** Its bytes, or a range of them. */
  read(range?: ByteRange): Promise<Readable>
}

/**
 * Files of runs, logged models and traces. A file is there once all of its bytes are on the disk, and never before. Every
 * verb throws NOT_FOUND for a root that the project of `ctx` does not have, and INVALID_ARGUMENT for a path that
 * could mean another place.
 */
export interface Artifacts {
  /** Throws INVALID_ARGUMENT, and tells the log who asked, for a path that could mean another place. */
  checkPath(ctx: Context, path: string): void
  /**
   * Stores a stream, in the place of the file that was there. Throws INVALID_ARGUMENT where a folder is, or below a
   * file, and DISK_FULL and TOO_LARGE, before a byte is written where it was announced.
   */
  put(
    ctx: Context,
    place: ArtifactPlace,
    bytes: AsyncIterable<Uint8Array>,
    told?: ToldOfFile,
  ): Promise<ArtifactFile>
  /** Throws NOT_FOUND, and INVALID_ARGUMENT for a folder. */
  open(ctx: Context, place: ArtifactPlace): Promise<OpenedFile>
  /** One level of a folder, of the root where its path is empty; nothing where there is no such folder. */
  list(ctx: Context, place: ArtifactPlace, limit: number, cursor?: string): Promise<ArtifactPage>
  /** Removes a file, or a folder with all in it; never a whole root. Removing what is not there changes nothing. */
  remove(ctx: Context, place: ArtifactPlace): Promise<void>
  /** A file or a folder as it is now, as a tree of paths relative to it; the root where its path is empty. Throws NOT_FOUND. */
  treeOf(ctx: Context, place: ArtifactPlace): Promise<Artifact>
  /** Forgets all files of roots that go in this very unit. */
  forget(tx: Tx, ctx: Context, roots: readonly ArtifactRoot[]): Promise<void>
  /** Large files in parts. */
  readonly uploads: Uploads
}

export interface ArtifactsDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly clock: Clock
  readonly newId: NewId
  /** Told of refused paths: who looks for one hole may look for more. */
  readonly log: Log
}

/** The most that one request may store, 64 GiB; a larger file comes in parts. */
const MAX_UPLOAD_BYTES = 64 * 1024 ** 3

/** Of a refused path, for the log. */
const LOGGED_CHARS = 200

export function createArtifacts(deps: ArtifactsDeps): Artifacts {
  const { catalog, blobs, clock, log } = deps

  function checkPath({ project, actor, requestId }: Context, path: string): void {
    const fault = pathFault(path)
    if (fault === undefined) return
    log.warn({ project, actor, requestId, path: path.slice(0, LOGGED_CHARS) }, 'path refused')
    throw new GyreError('INVALID_ARGUMENT', `path: ${fault}`, { field: 'path' })
  }

  /** A place as its rows name it, once its path has proved harmless and its root is there. */
  async function locate(ctx: Context, { root, path }: ArtifactPlace): Promise<Folder> {
    checkPath(ctx, path)
    await experimentOf(catalog.read, ctx, root)
    return { project: ctx.project, root: rootKey(root), path }
  }

  async function locateFolder(ctx: Context, { root, path }: ArtifactPlace): Promise<Folder> {
    if (path !== '') return locate(ctx, { root, path: trimFolder(path) })
    await experimentOf(catalog.read, ctx, root)
    return { project: ctx.project, root: rootKey(root), path }
  }

  return {
    checkPath,
    uploads: createUploads(deps, locate),

    async put(ctx, place, bytes, { mediaType = 'application/octet-stream', announcedBytes } = {}) {
      const target = await locate(ctx, place)
      await assertNoClash(catalog.read, target)
      const artifact = await blobs.put(bytes, {
        maxBytes: MAX_UPLOAD_BYTES,
        announcedBytes,
        mediaType,
      })
      await catalog.write(async (tx) => {
        await experimentOf(tx, ctx, place.root)
        await putFile(tx, target, artifact, clock.now().getTime())
      })
      return { ...artifact, path: target.path }
    },

    async open(ctx, place) {
      const target = await locate(ctx, place)
      const row = await catalog.read
        .selectFrom('artifact_files')
        .select(['path', 'digest', 'bytes', 'media_type'])
        .where(atOrBelow(target))
        .orderBy('path')
        .limit(1)
        .executeTakeFirst()
      if (!row) throw noArtifact(target)
      if (row.path !== target.path)
        throw new GyreError('INVALID_ARGUMENT', `path: '${target.path}' is a folder, not a file`, {
          field: 'path',
        })
      const artifact = artifactOf(row)
      return { ...artifact, path: row.path, read: (range) => blobs.get(artifact.digest, range) }
    },

    async list(ctx, place, limit, cursor) {
      return listFolder(catalog.read, await locateFolder(ctx, place), limit, cursor)
    },

    async remove(ctx, place) {
      const target = await locate(ctx, place)
      await catalog.write(async (tx) => {
        await tx.deleteFrom('artifact_files').where(atOrBelow(target)).execute()
      })
    },

    async forget(tx, { project }, roots) {
      await tx
        .deleteFrom('artifact_files')
        .where('project', '=', project)
        .where('root', 'in', roots.map(rootKey))
        .execute()
    },

    async treeOf(ctx, place) {
      const target = await locateFolder(ctx, place)
      const rows = await catalog.read
        .selectFrom('artifact_files')
        .select(['path', 'digest', 'bytes', 'media_type'])
        .where(atOrBelow(target))
        .execute()
      if (rows.length === 0) throw noArtifact(target)
      return blobs.putTree(
        rows.map((row) => ({ path: within(target.path, row.path), artifact: artifactOf(row) })),
      )
    },
  }
}

/** A path relative to a folder above it; to its own folder where it is the path itself. */
function within(folder: string, path: string): string {
  if (folder === '') return path
  return path === folder ? path.slice(path.lastIndexOf('/') + 1) : path.slice(folder.length + 1)
}

function noArtifact({ root, path }: Folder): GyreError {
  return new GyreError('NOT_FOUND', `No such artifact: '${path}'`, { root, path })
}
