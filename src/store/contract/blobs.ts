import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import type { Digest } from '../../core/digest.ts'
import type { Blobs } from '../blobs.ts'

/** FIPS 180-2's own example: the digest of "abc". */
const ABC: Digest = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const NONE: Digest = `sha256:${'0'.repeat(64)}`

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part)
}

async function* brokenSource(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('ab')
  throw new Error('the client hung up')
}

/** What every blob driver must do. `open` gives an empty store. */
export function blobsContract(open: () => Promise<Blobs>): void {
  async function opened(): Promise<Blobs> {
    const blobs = await open()
    onTestFinished(() => blobs.close())
    return blobs
  }

  test('what is not there is NOT_FOUND, before any stream is given', async () => {
    const blobs = await opened()
    await expect(blobs.get(NONE)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(blobs.read(NONE)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await blobs.has(NONE)).toBe(false)
  })

  test('another digest than expected, too many bytes, or a source that breaks leave nothing', async () => {
    const blobs = await opened()
    await expect(blobs.put(chunks('abc'), { expected: NONE })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(blobs.put(chunks('a', 'bc'), { maxBytes: 2 })).rejects.toMatchObject({
      code: 'TOO_LARGE',
    })
    await expect(blobs.put(brokenSource())).rejects.toThrow('the client hung up')
    expect(await blobs.has(ABC)).toBe(false)
  })

  test('bytes come back under their SHA-256, streamed or whole', async () => {
    const blobs = await opened()
    const artifact = await blobs.put(chunks('a', '', 'bc'), {
      expected: ABC,
      maxBytes: 3,
      mediaType: 'text/plain',
    })
    expect(artifact).toEqual({ digest: ABC, bytes: 3, mediaType: 'text/plain' })
    expect(String(await buffer(await blobs.get(ABC)))).toBe('abc')
    expect(String(await blobs.read(ABC, 3))).toBe('abc')
    await expect(blobs.read(ABC, 2)).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })

  test('the same bytes put by many at once are one blob', async () => {
    const blobs = await opened()
    const put = await Promise.all(Array.from({ length: 20 }, () => blobs.put(Buffer.from('abc'))))
    expect(new Set(put.map(({ digest }) => digest))).toEqual(new Set([ABC]))
    expect(String(await blobs.read(ABC))).toBe('abc')
  })

  test('a megabyte in odd pieces has the digest of the whole', async () => {
    const blobs = await opened()
    const whole = Buffer.alloc(1_000_003, 'gyre')
    async function* pieces() {
      for (let at = 0; at < whole.length; at += 65_521) yield whole.subarray(at, at + 65_521)
    }
    const { digest, bytes } = await blobs.put(pieces())
    expect(digest).toBe(`sha256:${createHash('sha256').update(whole).digest('hex')}`)
    expect(bytes).toBe(whole.length)
  })

  test('an adopted file becomes a blob', async () => {
    const blobs = await opened()
    const path = blobs.newTempPath()
    await writeFile(path, 'abc')
    expect(await blobs.adopt(path, 'text/plain')).toEqual({
      digest: ABC,
      bytes: 3,
      mediaType: 'text/plain',
    })
    expect(String(await blobs.read(ABC))).toBe('abc')
  })

  test('a tree has the same digest in whatever order its files come', async () => {
    const blobs = await opened()
    const artifact = await blobs.put(Buffer.from('abc'))
    const entries = ['b/c', 'a', 'b/a'].map((path) => ({ path, artifact }))
    const tree = await blobs.putTree(entries)
    expect(await blobs.putTree(entries.toReversed())).toEqual(tree)
    expect(tree.mediaType).toBe('application/vnd.gyre.tree+json')
    const read = await blobs.readTree(tree.digest)
    expect(read.entries.map(({ path }) => path)).toEqual(['a', 'b/a', 'b/c'])
  })

  test.each([['../up'], ['/root'], ['a//b'], ['a/./b'], ['a\\b'], ['a\u0000b'], ['']])(
    'a tree refuses the path %j',
    async (path) => {
      const blobs = await opened()
      const artifact = await blobs.put(Buffer.from('abc'))
      await expect(blobs.putTree([{ path, artifact }])).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      })
    },
  )

  test('a tree refuses a path twice, a file that is also a folder, and an artifact that is not there', async () => {
    const blobs = await opened()
    const artifact = await blobs.put(Buffer.from('abc'))
    const invalid = { code: 'INVALID_ARGUMENT' }
    const at = (path: string) => ({ path, artifact })
    await expect(blobs.putTree([at('a'), at('a')])).rejects.toMatchObject(invalid)
    await expect(blobs.putTree([at('a'), at('a/b')])).rejects.toMatchObject(invalid)
    const absent = { path: 'a', artifact: { ...artifact, digest: NONE } }
    await expect(blobs.putTree([absent])).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(blobs.readTree(artifact.digest)).rejects.toMatchObject(invalid)
  })
}
