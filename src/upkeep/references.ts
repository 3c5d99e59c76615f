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
  const [heldTrees, mentionedTrees] = [new Set<Digest>(), new Set<Digest>()]
  for (const column of DIGEST_COLUMNS)
    for await (const { text, isDeleted } of textsOf(db, column, which))
      for (const digest of digestsIn(text))
        if (column.holds === 'mentions' || isDeleted) await mention(digest)
        else if (column.holds === 'trees') await hold(digest, column)
        else held.add(digest)
  for (const digest of held) mentioned.delete(digest)
  return { held, mentioned }

  async function mention(digest: Digest): Promise<void> {
    if (mentionedTrees.has(digest)) return
    mentioned.add(digest)
    mentionedTrees.add(digest)
    if (!(await looksLikeTree(blobs, digest))) return
    const members = await membersOf(digest).catch(ignoreOtherJson)
    for (const { digest: member, isTree } of members ?? [])
      if (isTree) await mention(member)
      else mentioned.add(member)
  }

  async function hold(digest: Digest, column: DigestColumn): Promise<void> {
    if (heldTrees.has(digest)) return
    held.add(digest)
    heldTrees.add(digest)
    const members = await membersOf(digest).catch((thrown: unknown) => {
      throw unreadable(digest, column, thrown)
    })
    for (const { digest: member, isTree } of members)
      if (isTree) await hold(member, column)
      else held.add(member)
  }

  async function membersOf(digest: Digest) {
    const { entries } = await blobs.readTree(digest)
    return entries.map(({ artifact }) => ({
      digest: artifact.digest,
      isTree: artifact.mediaType === TREE_MEDIA_TYPE,
    }))
  }
}

function unreadable(digest: Digest, { table, column }: DigestColumn, cause: unknown): GyreError {
  const { message } = toGyreError(cause)
  return new GyreError(
    'DAMAGED',
    `the tree ${digest}, which ${table}.${column} names, cannot be read: ${message}`,
    { digest },
    cause,
  )
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
function ignoreOtherJson(thrown: unknown): undefined {
  const { code } = toGyreError(thrown)
  if (!['INVALID_ARGUMENT', 'NOT_FOUND', 'TOO_LARGE'].includes(code)) throw thrown
}
