import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { RequestError, type GyreClient } from '@gyre/sdk/client'
import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import { ImportedFiles, type ImportedFile, type ImportFiles } from '@gyre/sdk/wire/import'
import { z } from 'zod'
import { errnoOf } from '../../core/errors.ts'
import { settle } from './settle.ts'
import type { SourceFile } from './source.ts'
import type { Tally } from './tally.ts'

type Root = ImportFiles['root']
type GivenFile = ImportFiles['files'][number]

/** Files that are sent at once. */
const AT_ONCE = 8

/** Files that are given their places in one request. */
const LOT_FILES = 200

/** Stores the bytes of files that are not there yet, and gives them their places. */
export async function sendFiles(
  client: GyreClient,
  tally: Tally,
  root: Root,
  files: AsyncIterable<SourceFile>,
): Promise<void> {
  let lot: SourceFile[] = []
  for await (const file of files) {
    tally.find('files')
    lot.push(file)
    if (lot.length < LOT_FILES) continue
    await sendLot(client, tally, root, lot)
    lot = []
  }
  if (lot.length > 0) await sendLot(client, tally, root, lot)
}

async function sendLot(
  client: GyreClient,
  tally: Tally,
  root: Root,
  lot: readonly SourceFile[],
): Promise<void> {
  const stored: { readonly file: SourceFile; readonly given: GivenFile }[] = []
  await withWorkers(AT_ONCE, lot, async (file) => {
    const digest = await store(client, tally, root, file)
    const mediaType = 'application/octet-stream'
    if (digest) stored.push({ file, given: { path: file.path, digest, mediaType, instead: null } })
  })
  if (stored.length === 0) return
  const first = await place(client, root, stored.map(({ given }) => given)) // prettier-ignore
  for (const [i, { file, given }] of stored.entries()) {
    const reply = first[i]
    const instead = reply?.here && (await isBeginning(file.from, reply.here)) ? reply.here : null
    const last = instead
      ? (await place(client, root, [{ ...given, instead: instead.digest }]))[0]
      : reply
    settle(tally, 'files', `${file.path} of ${root.kind} ${root.id}`, last?.outcome)
  }
}

async function place(
  client: GyreClient,
  root: Root,
  files: readonly GivenFile[],
): Promise<readonly ImportedFile[]> {
  return (await client.post('/api/v1/import/files', { root, files }, ImportedFiles)).files
}

/** The digest of a file whose bytes the server has now; undefined where it was refused. */
async function store(
  client: GyreClient,
  tally: Tally,
  root: Root,
  { path, from }: SourceFile,
): Promise<GivenFile['digest'] | undefined> {
  const what = `${path} of ${root.kind} ${root.id}`
  try {
    return ArtifactDigest.parse(await client.putFile(from))
  } catch (thrown) {
    if (thrown instanceof RequestError) {
      if (thrown.code !== 'TOO_LARGE') throw thrown
      tally.refuse('files', what, thrown.message)
    } else {
      const code = errnoOf(thrown)
      if (code === undefined) throw thrown
      tally.refuse('files', what, `it cannot be read (${code})`)
    }
    return undefined
  }
}

/** True where a file has grown since it came: those bytes are its beginning. */
async function isBeginning(
  path: string,
  { digest, bytes }: NonNullable<ImportedFile['here']>,
): Promise<boolean> {
  if (bytes === 0) return true
  const hash = createHash('sha256')
  let read = 0
  for await (const chunk of createReadStream(path, { end: bytes - 1 })) {
    const piece = z.instanceof(Uint8Array).parse(chunk)
    hash.update(piece)
    read += piece.length
  }
  return read === bytes && `sha256:${hash.digest('hex')}` === digest
}

/** Does `work` for every item, so many at a time. */
async function withWorkers<T>(
  workers: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values()
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (const item of left) await work(item)
    }),
  )
}
