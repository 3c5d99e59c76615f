import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import type { FakeClock } from '../../core/clock.ts'
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

/** What every blob driver must do. `open` gives an empty store that goes by `clock`. */
export function blobsContract(clock: FakeClock, open: () => Promise<Blobs>): void {
  async function opened(): Promise<Blobs> {
    const blobs = await open()
    onTestFinished(() => blobs.close())
    return blobs
  }

  /** Now, and everything before it is before. */
  function tick(): Date {
    clock.advance(60_000)
    return clock.now()
  }

  test('what is not there is NOT_FOUND, before any stream is given', async () => {
    const blobs = await opened()
    await expect(blobs.get(NONE)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(blobs.read(NONE)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect([await blobs.has(NONE), await blobs.sizeOf(NONE)]).toEqual([false, undefined])
  })

  test('another digest than expected, too many bytes, or a source that breaks leave nothing', async () => {
    const blobs = await opened()
    await expect(blobs.put(chunks('abc'), { expected: NONE })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      details: { field: 'digest', expected: NONE, digest: ABC },
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
    expect(await blobs.sizeOf(ABC)).toBe(3)
    expect(String(await buffer(await blobs.get(ABC)))).toBe('abc')
    expect(String(await blobs.read(ABC, 3))).toBe('abc')
    await expect(blobs.read(ABC, 2)).rejects.toMatchObject({ code: 'TOO_LARGE' })
  })

  test.each([
    [0, 0, 'a'],
    [1, 2, 'bc'],
    [2, 2, 'c'],
    [0, 2, 'abc'],
  ])('a range from %d to %d holds both its ends', async (first, last, expected) => {
    const blobs = await opened()
    await blobs.put(Buffer.from('abc'))
    expect(String(await buffer(await blobs.get(ABC, { first, last })))).toBe(expected)
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

  test('pieces in any order become the blob of the whole, and the draft is gone', async () => {
    const blobs = await opened()
    const draft = blobs.draft('one')
    const [c, a] = await Promise.all([
      draft.write(2, chunks('c')),
      draft.write(0, chunks('a', 'b')),
    ])
    expect(await blobs.drafts()).toEqual(['one'])
    expect([await draft.bytes(), await blobs.draft('none').bytes()]).toEqual([3, 0])
    const artifact = await draft.verify([a, c])
    expect(artifact).toMatchObject({ digest: ABC, bytes: 3 })
    expect(await blobs.has(ABC)).toBe(false)
    await draft.toBlob(ABC)
    expect(String(await blobs.read(ABC))).toBe('abc')
    expect(await blobs.drafts()).toEqual([])
  })

  test('a draft is not what its pieces say after one is missing, torn or changed; what is behind them is cut off', async () => {
    const blobs = await opened()
    const draft = blobs.draft('one')
    const invalid = { code: 'INVALID_ARGUMENT', details: { part: 1 } }
    const ab = await draft.write(0, chunks('ab'))
    const c = await draft.write(2, chunks('c'))
    await expect(blobs.draft('none').verify([ab, c])).rejects.toMatchObject(invalid)
    await expect(draft.write(0, brokenSource())).rejects.toThrow('the client hung up')
    await draft.write(0, chunks('x'))
    await expect(draft.verify([ab, c])).rejects.toMatchObject(invalid)
    await draft.write(0, chunks('a'))
    await draft.write(3, chunks('longer'))
    expect(await draft.verify([ab, c])).toMatchObject({ digest: ABC, bytes: 3 })
    await expect(draft.write(0, chunks('abc'), 2)).rejects.toMatchObject({ code: 'TOO_LARGE' })
    await draft.drop()
    await draft.drop()
    expect(await blobs.drafts()).toEqual(['none'])
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

  test('the list gives every blob by its digest, with its size and when it was last used', async () => {
    const blobs = await opened()
    const [first, second] = [clock.now(), tick()]
    await blobs.put(Buffer.from('abc'))
    const empty = await blobs.put(Buffer.alloc(0))
    clock.advance(60_000)
    const stored = await Readable.from(blobs.list()).toArray()
    expect(stored).toEqual([
      { digest: ABC, bytes: 3, usedAt: second },
      { digest: empty.digest, bytes: 0, usedAt: second },
    ])
    expect(second).not.toEqual(first)
  })

  test('a blob is removed once, and may be put again', async () => {
    const blobs = await opened()
    await blobs.put(Buffer.from('abc'))
    const later = tick()
    expect(await blobs.remove(ABC, later)).toBe(true)
    expect(await blobs.remove(ABC, later)).toBe(false)
    expect(await blobs.has(ABC)).toBe(false)
    await expect(blobs.read(ABC)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await blobs.put(Buffer.from('abc'))
    expect(String(await blobs.read(ABC))).toBe('abc')
  })

  test.each<[string, (blobs: Blobs) => Promise<unknown>]>([
    ['put again', (blobs) => blobs.put(Buffer.from('abc'))],
    ['asked for', (blobs) => blobs.has(ABC)],
    [
      'made a part of a tree',
      (blobs) =>
        blobs.putTree([
          { path: 'a', artifact: { digest: ABC, bytes: 3, mediaType: 'text/plain' } },
        ]),
    ],
  ])('a blob that was %s since is not removed', async (_how, use) => {
    const blobs = await opened()
    await blobs.put(Buffer.from('abc'))
    const before = tick()
    await use(blobs)
    expect(await blobs.remove(ABC, before)).toBe(false)
    expect(String(await blobs.read(ABC))).toBe('abc')
    expect(await blobs.remove(ABC, tick())).toBe(true)
  })

  test('a put that meets a removal of the same bytes is not undone by it', async () => {
    const blobs = await opened()
    for (let round = 0; round < 20; round++) {
      await blobs.put(Buffer.from('abc'))
      const before = tick()
      const puts = [0, 1, 2].map(() => blobs.put(chunks('a', 'bc')))
      await Promise.all([...puts, blobs.remove(ABC, before), blobs.remove(ABC, before)])
      expect(String(await blobs.read(ABC))).toBe('abc')
    }
  })

  test('what nobody finished is told and swept, and what is still being written is not', async () => {
    const blobs = await opened()
    await writeFile(blobs.newTempPath(), 'left behind')
    const soon = new Date(Date.now() + 60_000)
    expect(await blobs.leftovers(new Date(0))).toEqual({ files: 0, bytes: 0 })
    expect(await blobs.leftovers(soon)).toEqual({ files: 1, bytes: 11 })
    expect(await blobs.sweep(new Date(0))).toEqual({ files: 0, bytes: 0 })
    expect(await blobs.sweep(soon)).toEqual({ files: 1, bytes: 11 })
    expect(await blobs.leftovers(soon)).toEqual({ files: 0, bytes: 0 })
  })
}
