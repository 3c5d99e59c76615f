import { TREE_MEDIA_TYPE } from '@gyre/sdk/wire/artifact'
import type { Kysely } from 'kysely'
import { buffer } from 'node:stream/consumers'
import type { Digest } from '../core/digest.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Tables } from '../store/schema.ts'
import { DIGEST_COLUMNS, textsOf, type DigestColumn, type Which } from './digest-columns.ts'

/** Some hundred bytes of memory for each blob that is named. */
export interface References {
  /** What must be there. */
  readonly held: Set<Digest>
  /** What may be there: nothing says that it must. None of it is held. */
  readonly mentioned: ReadonlySet<Digest>
}

const DIGESTS = /sha256:[0-9a-f]{64}/g

/** How the JSON of a tree begins, whoever wrote it. */
const TREE_START = /^\s*\{\s*"entries"\s*:/
const START_BYTES = 64

/**
 * Every blob that a snapshot of the catalog names, with the members of every tree. Throws DAMAGED where a tree that
 * must be there is not, or is none.
 */
export async function findReferences(
  db: Kysely<Tables>,
  blobs: Blobs,
  which: Which,
): Promise<References> {
  const held = new Set<Digest>()
  const mentioned = new Set<Digest>()
  for (const column of DIGEST_COLUMNS)
    for await (const { text, isDeleted } of textsOf(db, column, which))
      for (const digest of digestsIn(text))
        await add(isDeleted ? { ...column, holds: 'mentions' } : column, digest)
  for (const digest of held) mentioned.delete(digest)
  return { held, mentioned }

  async function add({ holds, table, column }: DigestColumn, digest: Digest): Promise<void> {
    if (holds === 'files') held.add(digest)
    else if (holds === 'trees') await addTree(held, digest, `${table}.${column}`)
    else if (!held.has(digest) && !mentioned.has(digest)) {
      mentioned.add(digest)
      if (await looksLikeTree(blobs, digest))
        await addTree(mentioned, digest).catch(ignoreOtherJson)
    }
  }

  async function addTree(into: Set<Digest>, digest: Digest, namedBy?: string): Promise<void> {
    into.add(digest)
    const { entries } = await blobs.readTree(digest).catch((thrown: unknown) => {
      if (namedBy === undefined) throw thrown
      throw new GyreError(
        'DAMAGED',
        `the tree ${digest}, which ${namedBy} names, cannot be read: ${toGyreError(thrown).message}`,
        { digest },
        thrown,
      )
    })
    for (const { artifact } of entries)
      if (into.has(artifact.digest)) continue
      else if (artifact.mediaType === TREE_MEDIA_TYPE) await addTree(into, artifact.digest, namedBy)
      else into.add(artifact.digest)
  }
}

/** `sha256:…` wherever it stands in a text. */
function digestsIn(text: string): readonly Digest[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pattern is that of a digest
  return (text.match(DIGESTS) ?? []) as Digest[]
}

async function looksLikeTree(blobs: Blobs, digest: Digest): Promise<boolean> {
  const bytes = (await blobs.sizeOf(digest)) ?? 0
  if (bytes === 0) return false
  const last = Math.min(bytes, START_BYTES) - 1
  const start = await buffer(await blobs.get(digest, { first: 0, last }))
  return TREE_START.test(start.toString('utf8'))
}

/** A file may begin like a tree and be none. */
function ignoreOtherJson(thrown: unknown): void {
  const { code } = toGyreError(thrown)
  if (!['INVALID_ARGUMENT', 'NOT_FOUND', 'TOO_LARGE'].includes(code)) throw thrown
}
