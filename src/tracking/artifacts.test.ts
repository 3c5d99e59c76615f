import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import type { Log } from '../core/log.ts'
import { silentLog } from '../core/log.ts'
import { brokenOff, bytesOf, ctx, openShelf, stranger } from './fixture/shelf.ts'

const notFound = { code: 'NOT_FOUND' }
const invalid = { code: 'INVALID_ARGUMENT', details: { field: 'path' } }

const HOSTILE = [
  '../x',
  '%2e%2e/x',
  '%252e%252e%252fx',
  '..\\x',
  '/etc/passwd',
  'C:\\x',
  'a\u0000b',
  'file:///etc',
]

test('every verb refuses a path that could mean another place, and the log tells who asked', async () => {
  const told: unknown[] = []
  const log = Object.assign(Object.create(silentLog) as Log, {
    warn: (facts: object) => void told.push(facts),
  })
  await using shelf = await openShelf(log)
  const { artifacts, root } = shelf
  await shelf.put('kept', 'x')
  for (const path of HOSTILE) {
    const place = { root, path }
    await expect(artifacts.put(ctx, place, bytesOf('x'))).rejects.toMatchObject(invalid)
    await expect(artifacts.open(ctx, place)).rejects.toMatchObject(invalid)
    await expect(artifacts.list(ctx, place, 10)).rejects.toMatchObject(invalid)
    await expect(artifacts.remove(ctx, place)).rejects.toMatchObject(invalid)
    await expect(artifacts.treeOf(ctx, place)).rejects.toMatchObject(invalid)
    await expect(artifacts.uploads.begin(ctx, place, 1)).rejects.toMatchObject(invalid)
    await expect(artifacts.uploads.complete(ctx, place, 'u', [])).rejects.toMatchObject(invalid)
    await expect(artifacts.uploads.abort(ctx, place, 'u')).rejects.toMatchObject(invalid)
  }
  expect(told).toHaveLength(HOSTILE.length * 8)
  expect(told[0]).toMatchObject({ actor: 'key:ada', requestId: 'req_1', path: '../x' })
  expect(await shelf.paths()).toEqual(['kept'])
})

test.each(['', '.', './.', '/', 'a/..'])('removing %j removes nothing', async (path) => {
  await using shelf = await openShelf()
  await shelf.put('a/b', 'x')
  const { artifacts, root } = shelf
  await expect(artifacts.remove(ctx, { root, path })).rejects.toMatchObject(invalid)
  expect(await shelf.paths()).toEqual(['a/b'])
})

test('a root that the project does not have is not found, by any verb', async () => {
  await using shelf = await openShelf()
  const { artifacts, root } = shelf
  await shelf.put('a', 'x')
  const elsewhere = [
    [stranger, root],
    [ctx, { ...root, id: 'nobody' }],
    [ctx, { ...root, experiment: 7 }],
    [ctx, { kind: 'logged-model', id: root.id }],
  ] as const
  for (const [who, where] of elsewhere) {
    const place = { root: where, path: 'a' }
    await expect(artifacts.put(who, place, bytesOf('y'))).rejects.toMatchObject(notFound)
    await expect(artifacts.open(who, place)).rejects.toMatchObject(notFound)
    await expect(artifacts.list(who, { root: where, path: '' }, 9)).rejects.toMatchObject(notFound)
    await expect(artifacts.remove(who, place)).rejects.toMatchObject(notFound)
    await expect(artifacts.treeOf(who, place)).rejects.toMatchObject(notFound)
    await expect(artifacts.uploads.begin(who, place, 1)).rejects.toMatchObject(notFound)
  }
  expect(await shelf.read('a')).toBe('x')
})

test('an upload that breaks off leaves nothing, and what was there before stays', async () => {
  await using shelf = await openShelf()
  const { artifacts, root, store } = shelf
  await shelf.put('old', 'before')
  for (const path of ['old', 'new'])
    await expect(artifacts.put(ctx, { root, path }, brokenOff())).rejects.toThrow(
      'the client hung up',
    )
  expect(await shelf.paths()).toEqual(['old'])
  expect(await shelf.read('old')).toBe('before')
  expect(await readdir(join(store.folder, 'blobs', 'temp'))).toEqual([])
})

test('what is put is read back: nothing, unicode names, a new content for an old name', async () => {
  await using shelf = await openShelf()
  const names = ['empty', 'héé ✓.txt', '日本/語', '100%.txt', 'a b+c', '...']
  for (const name of names) await shelf.put(name, name === 'empty' ? '' : name)
  for (const name of names) expect(await shelf.read(name)).toBe(name === 'empty' ? '' : name)
  await shelf.put('a b+c', 'again')
  expect(await shelf.read('a b+c')).toBe('again')
  expect((await shelf.paths()).toSorted()).toEqual(names.toSorted())
})

test('equal bytes are stored once, under their digest', async () => {
  await using shelf = await openShelf()
  const { artifacts, root, store } = shelf
  const [one, two] = [
    await artifacts.put(ctx, { root, path: 'one' }, bytesOf('same'), { mediaType: 'text/plain' }),
    await artifacts.put(ctx, { root, path: 'two' }, bytesOf('same')),
  ]
  const hex = createHash('sha256').update('same').digest('hex')
  expect(one).toEqual({ path: 'one', digest: `sha256:${hex}`, bytes: 4, mediaType: 'text/plain' })
  expect(two).toMatchObject({ digest: one.digest, mediaType: 'application/octet-stream' })
  expect(await readdir(join(store.folder, 'blobs', 'sha256'))).toEqual([hex.slice(0, 2)])
})

test('a file takes no folder’s place, and a folder no file’s', async () => {
  await using shelf = await openShelf()
  await shelf.put('a/b/c', 'x')
  await shelf.put('a/bc', 'x')
  for (const path of ['a', 'a/b', 'a/b/c/d', 'a/b/c/d/e'])
    await expect(shelf.put(path, 'y')).rejects.toMatchObject(invalid)
  expect(await shelf.paths()).toEqual(['a/b/c', 'a/bc'])
})

test('of two uploads that clash while they come, one is refused and leaves nothing visible', async () => {
  await using shelf = await openShelf()
  const settled = await Promise.allSettled([shelf.put('a', 'file'), shelf.put('a/b', 'below')])
  expect(settled.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
  expect(await shelf.paths()).toHaveLength(1)
})

test('a folder is opened as no file, and a file lists as no folder', async () => {
  await using shelf = await openShelf()
  const { artifacts, root } = shelf
  await shelf.put('a/b', 'x')
  await expect(shelf.read('a')).rejects.toMatchObject(invalid)
  await expect(shelf.read('a/c')).rejects.toMatchObject(notFound)
  expect(await artifacts.list(ctx, { root, path: 'a/b' }, 10)).toEqual({ entries: [] })
  expect(await artifacts.list(ctx, { root, path: 'nowhere' }, 10)).toEqual({ entries: [] })
})

test('a range of a file holds both its ends', async () => {
  await using shelf = await openShelf()
  await shelf.put('a', '0123456789')
  const file = await shelf.artifacts.open(ctx, { root: shelf.root, path: 'a' })
  expect(await text(await file.read({ first: 2, last: 4 }))).toBe('234')
})

test('one level is listed: files with their sizes, folders once, in pages', async () => {
  await using shelf = await openShelf()
  const { artifacts, root } = shelf
  const files = ['a.txt', 'a/1', 'a/2/3', 'a0', 'b/x', 'é', 'z/y/x/w']
  for (const path of files) await shelf.put(path, path)
  const whole = await artifacts.list(ctx, { root, path: '' }, 100)
  expect(whole).toEqual({
    entries: [
      { kind: 'file', path: 'a.txt', bytes: 5 },
      { kind: 'folder', path: 'a' },
      { kind: 'file', path: 'a0', bytes: 2 },
      { kind: 'folder', path: 'b' },
      { kind: 'folder', path: 'z' },
      { kind: 'file', path: 'é', bytes: 2 },
    ],
  })
  for (const size of [1, 2, 5, 6]) {
    const paged = []
    let cursor: string | undefined
    do {
      const page = await artifacts.list(ctx, { root, path: '' }, size, cursor)
      expect(page.entries.length).toBeLessThanOrEqual(size)
      paged.push(...page.entries)
      cursor = page.next
    } while (cursor !== undefined)
    expect(paged).toEqual(whole.entries)
  }
  expect((await artifacts.list(ctx, { root, path: 'a' }, 9)).entries).toEqual([
    { kind: 'file', path: 'a/1', bytes: 3 },
    { kind: 'folder', path: 'a/2' },
  ])
  expect((await artifacts.list(ctx, { root, path: 'z/y/' }, 9)).entries).toEqual([
    { kind: 'folder', path: 'z/y/x' },
  ])
})

test('a page token of another folder is refused', async () => {
  await using shelf = await openShelf()
  const { artifacts, root } = shelf
  for (const path of ['a/1', 'a/2', 'b/1', 'b/2']) await shelf.put(path, '')
  const { next } = await artifacts.list(ctx, { root, path: 'b' }, 1)
  await expect(artifacts.list(ctx, { root, path: 'a' }, 1, next)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    details: { field: 'page_token' },
  })
})

test('a file is removed alone, a folder with all in it, and its like stay', async () => {
  await using shelf = await openShelf()
  const { artifacts, root } = shelf
  for (const path of ['a', 'a.b', 'ab', 'd/1', 'd/2/3', 'd0', 'd.x']) await shelf.put(path, '')
  await artifacts.remove(ctx, { root, path: 'a' })
  await artifacts.remove(ctx, { root, path: 'd' })
  await artifacts.remove(ctx, { root, path: 'nothing' })
  expect(await shelf.paths()).toEqual(['a.b', 'ab', 'd.x', 'd0'])
})

test('a tree holds what lies below a folder, and stays as it was when that changes', async () => {
  await using shelf = await openShelf()
  const { artifacts, root, store } = shelf
  for (const path of ['model/MLmodel', 'model/data/w', 'models', 'x']) await shelf.put(path, path)
  const paths = async (path: string) => {
    const { digest } = await artifacts.treeOf(ctx, { root, path })
    return (await store.blobs.readTree(digest)).entries.map((entry) => entry.path)
  }
  expect(await paths('model')).toEqual(['MLmodel', 'data/w'])
  expect(await paths('model/')).toEqual(['MLmodel', 'data/w'])
  expect(await paths('model/data/w')).toEqual(['w'])
  expect(await paths('')).toEqual(['model/MLmodel', 'model/data/w', 'models', 'x'])
  await expect(paths('mode')).rejects.toMatchObject(notFound)
  const before = await artifacts.treeOf(ctx, { root, path: 'model' })
  await shelf.put('model/MLmodel', 'changed')
  const entries = (await store.blobs.readTree(before.digest)).entries
  const [first] = entries
  expect(first && String(await store.blobs.read(first.artifact.digest))).toBe('model/MLmodel')
})
