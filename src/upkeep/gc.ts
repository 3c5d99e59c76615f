import type { GcReport } from '@gyre/sdk/wire/upkeep'
import type { Digest } from '../core/digest.ts'
import type { Blobs, Pile, StoredBlob } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'
import { countGone, forgetFiles } from './gone.ts'
import { findReferences } from './references.ts'

/** Uploads in parts that nobody goes on with. */
export interface AbandonedUploads {
  find(): Promise<Pile>
  /** Forgets them, and says what they took. */
  drop(): Promise<Pile>
}

export interface GcDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly uploads: AbandonedUploads
}

export interface GcPlan {
  readonly isDeleting: boolean
  /** What was deleted before counts as gone. */
  readonly deletedBefore: Date
  /** Only bytes that were not used since are freed. */
  readonly unusedSince: Date
}

/**
 * Counts what nothing names, and removes it where it is asked to. A blob that is put, or asked for, while this runs
 * stays. Throws DAMAGED where a tree cannot be read: what it names is not known.
 */
export async function collect(
  { catalog, blobs, uploads }: GcDeps,
  plan: GcPlan,
): Promise<GcReport> {
  const { isDeleting, deletedBefore, unusedSince } = plan
  const { gone, doomed } = await lookAtGone(catalog, blobs, deletedBefore)
  if (isDeleting) await forgetFiles(catalog, deletedBefore)
  const report = {
    deleted: isDeleting,
    free: {
      unnamed: { files: 0, bytes: 0 },
      ofDeleted: { files: 0, bytes: 0 },
      uploads: isDeleting ? await uploads.drop() : await uploads.find(),
      unfinished: isDeleting ? await blobs.sweep(unusedSince) : await blobs.leftovers(unusedSince),
    },
    gone,
    kept: { named: { files: 0, bytes: 0 }, fresh: { files: 0, bytes: 0 } },
  }
  const named = await namedBlobs(catalog, blobs, deletedBefore)

  async function pileOf({ digest, usedAt }: StoredBlob): Promise<{ files: number; bytes: number }> {
    if (named.has(digest)) return report.kept.named
    const isFree = isDeleting ? await blobs.remove(digest, unusedSince) : usedAt < unusedSince
    if (!isFree) return report.kept.fresh
    return doomed.has(digest) ? report.free.ofDeleted : report.free.unnamed
  }

  for await (const blob of blobs.list()) {
    const pile = await pileOf(blob)
    pile.files += 1
    pile.bytes += blob.bytes
  }
  if (isDeleting) await catalog.shrink()
  return report
}

/** Before it is forgotten: how much was deleted, and what it names. */
async function lookAtGone(catalog: Catalog, blobs: Blobs, deletedBefore: Date) {
  await using snapshot = await catalog.snapshot()
  const { held, mentioned } = await findReferences(snapshot.read, blobs, {
    deletedBefore,
    are: 'gone',
  })
  return {
    gone: await countGone(snapshot.read, deletedBefore),
    doomed: new Set<Digest>([...held, ...mentioned]),
  }
}

async function namedBlobs(
  catalog: Catalog,
  blobs: Blobs,
  deletedBefore: Date,
): Promise<ReadonlySet<Digest>> {
  await using snapshot = await catalog.snapshot()
  const { held, mentioned } = await findReferences(snapshot.read, blobs, {
    deletedBefore,
    are: 'kept',
  })
  for (const digest of mentioned) held.add(digest)
  return held
}
