import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { silentLog } from '../core/log.ts'
import { dropAbandoned, findAbandoned } from './abandoned-uploads.ts'
import { createArtifacts } from './artifacts.ts'
import { brokenOff, bytesOf, ctx, openShelf, type Shelf } from './fixture/shelf.ts'

const PARTS = ['first ', 'middle', ' end']
const sent = PARTS.map((part, i) => ({ number: i + 1, digest: digestOf(part) }))
const other = { ...ctx, actor: 'key:eve' }

async function begin({ artifacts, root }: Shelf, path = 'big') {
  const place = { root, path }
  const { id, secret } = await artifacts.uploads.begin(ctx, place, PARTS.length)
  return {
    place,
    id,
    secret,
    put: (number: number, content = PARTS[number - 1] ?? '') =>
      artifacts.uploads.putPart(id, {
        secret,
        number,
        length: content.length,
        bytes: bytesOf(content),
      }),
  }
}

const invalid = (message: RegExp) => ({
  code: 'INVALID_ARGUMENT',
  message: expect.stringMatching(message),
})

test('parts in any order become one file, which is not there before', async () => {
  await using shelf = await openShelf()
  const { artifacts } = shelf
  const upload = await begin(shelf)
  await Promise.all([upload.put(3), upload.put(1), upload.put(2)])
  expect(await shelf.paths()).toEqual([])
  const artifact = await artifacts.uploads.complete(ctx, upload.place, upload.id, sent.toReversed())
  expect(artifact).toMatchObject({ digest: digestOf(PARTS.join('')), bytes: 16 })
  expect(await shelf.read('big')).toBe('first middle end')
  await expect(upload.put(1)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('an upload with a part missing, another part or one too many is not completed', async () => {
  await using shelf = await openShelf()
  const { artifacts } = shelf
  const upload = await begin(shelf)
  await upload.put(1)
  await upload.put(2)
  const complete = (parts: typeof sent) =>
    artifacts.uploads.complete(ctx, upload.place, upload.id, parts)
  await expect(complete(sent)).rejects.toMatchObject(invalid(/part 3 is missing/))
  await upload.put(3)
  await expect(complete(sent.slice(0, 2))).rejects.toMatchObject(invalid(/part 3 is missing/))
  await expect(complete([])).rejects.toMatchObject(invalid(/part 1 is missing/))
  await expect(complete([...sent, ...sent.slice(2)])).rejects.toMatchObject(invalid(/twice/))
  const fourth = { number: 4, digest: digestOf('4') }
  await expect(complete([...sent, fourth])).rejects.toMatchObject(invalid(/expected 3 parts/))
  const wrong = [...sent.slice(0, 2), { number: 3, digest: digestOf('else') }]
  await expect(complete(wrong)).rejects.toMatchObject(invalid(/part 3 is stored with another/))
  expect(await shelf.paths()).toEqual([])
  await complete(sent)
  expect(await shelf.paths()).toEqual(['big'])
})

test('who did not begin an upload neither ends it nor sends a part', async () => {
  await using shelf = await openShelf()
  const { uploads } = shelf.artifacts
  const { place, id, put } = await begin(shelf)
  for (const part of [1, 2, 3]) await put(part)
  const forbidden = { code: 'FORBIDDEN' }
  await expect(uploads.complete(other, place, id, sent)).rejects.toMatchObject(forbidden)
  await expect(uploads.abort(other, place, id)).rejects.toMatchObject(forbidden)
  for (const secret of ['', 'x', digestOf('x')])
    await expect(
      uploads.putPart(id, { secret, number: 1, length: 4, bytes: bytesOf('evil') }),
    ).rejects.toMatchObject(forbidden)
  await uploads.complete(ctx, place, id, sent)
  expect(await shelf.read('big')).toBe('first middle end')
})

test('an upload ends at the place it began for, and at no other', async () => {
  await using shelf = await openShelf()
  const { uploads } = shelf.artifacts
  const { place, id } = await begin(shelf)
  const elsewhere = { ...place, path: 'else' }
  const notFound = { code: 'NOT_FOUND' }
  await expect(uploads.complete(ctx, elsewhere, id, sent)).rejects.toMatchObject(notFound)
  await expect(uploads.abort(ctx, elsewhere, id)).rejects.toMatchObject(notFound)
  await expect(uploads.abort(ctx, place, 'upload_none')).rejects.toMatchObject(notFound)
})

test('of two who complete an upload one wins, and the file is whole', async () => {
  await using shelf = await openShelf()
  const { uploads } = shelf.artifacts
  const { place, id, put } = await begin(shelf)
  for (const part of [1, 2, 3]) await put(part)
  const settled = await Promise.allSettled(
    Array.from({ length: 5 }, () => uploads.complete(ctx, place, id, sent)),
  )
  const lost = settled.filter((one) => one.status === 'rejected')
  expect(lost.map(({ reason }) => reason.code)).toEqual(Array(4).fill('CONFLICT'))
  expect(await shelf.read('big')).toBe('first middle end')
})

test('a part sent again replaces itself; one that breaks off spoils itself alone', async () => {
  await using shelf = await openShelf()
  const { uploads } = shelf.artifacts
  const { place, id, secret, put } = await begin(shelf)
  for (const part of [1, 2, 3]) await put(part, 'wrong!')
  for (const part of [1, 2, 3]) await put(part)
  const brokenPart = { secret, number: 1, length: 6, bytes: brokenOff(3) }
  await expect(uploads.putPart(id, brokenPart)).rejects.toThrow('hung up')
  await expect(uploads.complete(ctx, place, id, sent)).rejects.toMatchObject(invalid(/part 1/))
  await put(1)
  await uploads.complete(ctx, place, id, sent)
  expect(await shelf.read('big')).toBe('first middle end')
})

test('all parts but the last are of one size, told beforehand', async () => {
  await using shelf = await openShelf()
  const { uploads } = shelf.artifacts
  const { id, secret, put } = await begin(shelf)
  await put(3, 'of any size')
  await put(1)
  await expect(put(2, 'longer than')).rejects.toMatchObject(invalid(/expected 6 bytes, got 11/))
  const untold = { secret, number: 2, length: undefined, bytes: bytesOf('middle') }
  await expect(uploads.putPart(id, untold)).rejects.toMatchObject(invalid(/size of the part/))
  await put(2)
})

test('an upload is not completed while a part is under way, nor takes a part while it is completed', async () => {
  await using shelf = await openShelf()
  const { uploads } = shelf.artifacts
  const { place, id, secret, put } = await begin(shelf)
  for (const part of [1, 2, 3]) await put(part)
  let goOn: (() => void) | undefined
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  async function* slowly() {
    await held
    yield Buffer.from('first ')
  }
  const slow = uploads.putPart(id, { secret, number: 1, length: 6, bytes: slowly() })
  const conflict = { code: 'CONFLICT' }
  await expect(uploads.complete(ctx, place, id, sent)).rejects.toMatchObject(conflict)
  goOn?.()
  await slow
  const completing = uploads.complete(ctx, place, id, sent)
  await expect(put(1)).rejects.toMatchObject(conflict)
  await completing
  expect(await shelf.read('big')).toBe('first middle end')
})

test('an upload of one part, and one of nothing but a last part', async () => {
  await using shelf = await openShelf()
  const { uploads } = shelf.artifacts
  for (const content of ['only', '']) {
    const place = { root: shelf.root, path: `one of ${content.length}` }
    const { id, secret } = await uploads.begin(ctx, place, 1)
    const part = { secret, number: 1, length: content.length, bytes: bytesOf(content) }
    const { digest } = await uploads.putPart(id, part)
    await uploads.complete(ctx, place, id, [{ number: 1, digest }])
    expect(await shelf.read(place.path)).toBe(content)
  }
})

test('an upload goes on in the next life of the server, also where that ended between blob and file', async () => {
  await using shelf = await openShelf()
  const { artifacts, store, clock } = shelf
  const upload = await begin(shelf)
  await upload.put(1)
  await upload.put(3)
  const next = createArtifacts({ ...store, clock, log: silentLog }).uploads
  const { place, id, secret } = upload
  await next.putPart(id, { secret, number: 2, length: 6, bytes: bytesOf('middle') })
  // The life that ends here has moved the bytes and said of which digest they are, and nothing more.
  const { digest } = await store.blobs.put(bytesOf(PARTS.join('')))
  await store.catalog.write(async (tx) => {
    await tx.updateTable('artifact_uploads').set({ digest }).execute()
  })
  await store.blobs.draft(id).drop()
  await artifacts.uploads.complete(ctx, place, id, sent)
  expect(await shelf.read('big')).toBe('first middle end')
})

test('an aborted upload is gone, and so is one of yesterday', async () => {
  await using shelf = await openShelf()
  const { artifacts, clock, store } = shelf
  const [aborted, old] = [await begin(shelf, 'aborted'), await begin(shelf, 'old')]
  await aborted.put(1)
  await old.put(1)
  await artifacts.uploads.abort(ctx, aborted.place, aborted.id)
  await expect(aborted.put(2)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await old.put(2)
  clock.advance(86_400_001)
  await begin(shelf, 'new')
  await expect(old.put(3)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const left = await store.catalog.read.selectFrom('artifact_upload_parts').selectAll().execute()
  expect([left, await store.blobs.drafts()]).toEqual([[], []])
})

test('what lies in uploads of yesterday is told, and dropped with what it took; one of today goes on', async () => {
  await using shelf = await openShelf()
  const { clock, store } = shelf
  const deps = { ...store, clock }
  const [none, old] = [
    { files: 0, bytes: 0 },
    { files: 1, bytes: 12 },
  ]
  const upload = await begin(shelf, 'old')
  await upload.put(1)
  await upload.put(2)
  expect([await findAbandoned(deps), await dropAbandoned(deps)]).toEqual([none, none])
  clock.advance(80_000_000)
  const young = await begin(shelf, 'young')
  await young.put(1)
  clock.advance(6_400_001)
  expect(await findAbandoned(deps)).toEqual(old)
  expect(await dropAbandoned(deps)).toEqual(old)
  expect([await findAbandoned(deps), await dropAbandoned(deps)]).toEqual([none, none])
  await young.put(2)
  expect(await store.blobs.drafts()).toEqual([young.id])
})

test('an upload has 1 to 10,000 parts, and no others', async () => {
  await using shelf = await openShelf()
  const place = { root: shelf.root, path: 'big' }
  for (const parts of [0, -1, 1.5, 10_001, Number.NaN])
    await expect(shelf.artifacts.uploads.begin(ctx, place, parts)).rejects.toMatchObject(
      invalid(/1 to 10000/),
    )
  const { put } = await begin(shelf)
  for (const number of [0, 4, -1, 1.5, Number.NaN])
    await expect(put(number, 'x')).rejects.toMatchObject(invalid(/expected 1 to 3/))
})
