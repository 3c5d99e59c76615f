import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import type { Digest } from '../core/digest.ts'
import type { GyreError } from '../core/errors.ts'
import { damaged } from './damaged.ts'
import { FAILURE_PATH, parseFailure } from './failure.ts'
import {
  MANIFEST_PATH,
  memberLine,
  parseHead,
  sumManifest,
  type BackupHead,
  type Contents,
  type ManifestSum,
} from './manifest.ts'
import { createOrder, digestIn, HEAD_PATH, type Member } from './member.ts'
import { readTar } from './tar.ts'

export interface CheckedBackup extends Contents {
  readonly head: BackupHead
}

/** Takes the content of a member while it is checked; it may turn out to be another than it should be. */
export type TakeMember = (path: string, content: AsyncIterable<Uint8Array>) => Promise<void>

/** The head is a line, and so is what a server says that could not go on. */
const MAX_LINE_BYTES = 64 * 1024

/**
 * Reads a backup to its end and checks every byte of it: each member against its digest, all members against the
 * manifest. Throws DAMAGED for what is no whole backup, NEWER_DATABASE, and what `take` throws; what was taken by
 * then is worth nothing.
 */
export async function checkArchive(
  source: AsyncIterable<Uint8Array>,
  take: TakeMember = drain,
): Promise<CheckedBackup> {
  const inOrder = createOrder()
  const named = new Map<string, string>()
  let head: string | undefined
  let sum: ManifestSum | undefined
  let other: GyreError | undefined
  let isComplete = false

  async function onMember(path: string, bytes: number, content: AsyncIterable<Uint8Array>) {
    const hash = createHash('sha256')
    await take(path, hashing(content, hash))
    const member: Member = { path, bytes, digest: `sha256:${hash.digest('hex')}` }
    const expected = digestIn(path)
    if (expected === undefined) named.set(memberLine(member), path)
    else if (member.digest !== expected) other = damaged(`the bytes of ${expected} are others`)
    sum?.add(member)
  }

  await readTar(source, async (path, bytes, content) => {
    if (isComplete) throw damaged(`${JSON.stringify(path)} comes after the manifest`)
    // The server sees what it has sent, and knows better why it is so.
    if (path === FAILURE_PATH) throw parseFailure(await textOf(path, bytes, content))
    if (other) throw other
    if (path === MANIFEST_PATH) {
      if (!sum) throw damaged('it holds nothing but a manifest')
      await compareManifest(sum, named, content)
      isComplete = true
      return
    }
    inOrder(path)
    if (sum) return onMember(path, bytes, content)
    if (path !== HEAD_PATH) throw damaged(`it does not begin with ${HEAD_PATH}`)
    head = await textOf(path, bytes, content)
    parseHead(head)
    sum = sumManifest(head)
  })
  if (!isComplete || !sum || head === undefined)
    throw damaged('it ends without its manifest: it was interrupted')
  return { head: parseHead(head), ...sum.contents }
}

async function compareManifest(
  sum: ManifestSum,
  named: ReadonlyMap<string, string>,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const hash = createHash('sha256')
  const unlisted = new Map(named)
  for await (const line of linesOf(hashing(content, hash))) unlisted.delete(line)
  const digest: Digest = `sha256:${hash.digest('hex')}`
  if (digest === sum.end().digest) return
  const [changed] = unlisted.values()
  throw damaged(
    changed === undefined
      ? 'it does not hold what its manifest lists'
      : `${changed} is not what the manifest lists`,
  )
}

async function* hashing(
  content: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    hash.update(chunk)
    yield chunk
  }
}

/** Lines with their ends, and what stands behind the last one. */
async function* linesOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of content) {
    const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_BYTES) throw damaged('a line of its manifest has no end')
    for (const line of lines) yield `${line}\n`
  }
  yield rest
}

async function textOf(
  path: string,
  bytes: number,
  content: AsyncIterable<Uint8Array>,
): Promise<string> {
  if (bytes > MAX_LINE_BYTES) throw damaged(`${path} has ${bytes} bytes`)
  return (await buffer(content)).toString('utf8')
}

async function drain(_path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of content);
}
