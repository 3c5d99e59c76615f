import type { Clock } from '../core/clock.ts'
import type { Blobs, Pile } from '../store/blobs.ts'
import type { Catalog } from '../store/catalog.ts'

export interface AbandonedDeps {
  readonly catalog: Catalog
  readonly blobs: Blobs
  readonly clock: Clock
}

const ABANDONED_MS = 86_400_000

/** What lies in the drafts of uploads that were begun more than a day ago, and of those that are over. */
export async function findAbandoned(deps: AbandonedDeps): Promise<Pile> {
  const { catalog, blobs, clock } = deps
  const drafts = await blobs.drafts()
  const live = await catalog.read
    .selectFrom('artifact_uploads')
    .select('id')
    .where('at_ms', '>=', clock.now().getTime() - ABANDONED_MS)
    .execute()
  const ids = new Set(live.map(({ id }) => id))
  const pile = { files: 0, bytes: 0 }
  for (const name of drafts.filter((draft) => !ids.has(draft))) {
    pile.files += 1
    pile.bytes += await blobs.draft(name).bytes()
  }
  return pile
}

/** Forgets what was abandoned, and drafts whose upload ended just before a crash; says what they took. */
export async function dropAbandoned({ catalog, blobs, clock }: AbandonedDeps): Promise<Pile> {
  const before = clock.now().getTime() - ABANDONED_MS
  await catalog.write(async (tx) => {
    await tx.deleteFrom('artifact_uploads').where('at_ms', '<', before).execute()
  })
  const pile = { files: 0, bytes: 0 }
  const drafts = await blobs.drafts()
  if (drafts.length === 0) return pile
  const known = await catalog.read.selectFrom('artifact_uploads').select('id').execute()
  const ids = new Set(known.map(({ id }) => id))
  for (const name of drafts.filter((draft) => !ids.has(draft))) {
    const draft = blobs.draft(name)
    pile.files += 1
    pile.bytes += await draft.bytes()
    await draft.drop()
  }
  return pile
}
