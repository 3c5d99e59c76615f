import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Catalog, Tx } from '../catalog.ts'
import { tempFolder } from './temp-folder.ts'

function lease(name: string) {
  return { name, holder: 'test', fence: 1, expires_at: 0 }
}

const insert = (name: string) => (tx: Tx) => tx.insertInto('leases').values(lease(name)).execute()

async function names(db: Tx): Promise<string[]> {
  const rows = await db.selectFrom('leases').select('name').orderBy('name').execute()
  return rows.map((row) => row.name)
}

/** What every catalog driver must do. `open` gives an empty, migrated catalog, `reopen` the one in a file. */
export function catalogContract(
  open: () => Promise<Catalog>,
  reopen: (path: string) => Promise<Catalog>,
): void {
  async function opened(): Promise<Catalog> {
    const catalog = await open()
    onTestFinished(() => catalog.close())
    return catalog
  }

  test('a name taken twice is ALREADY_EXISTS, a missing parent CONFLICT', async () => {
    const catalog = await opened()
    await catalog.write(insert('a'))
    await expect(catalog.write(insert('a'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    const orphan = { run: 9, key: 'loss', value: 'high' }
    await expect(
      catalog.write((tx) => tx.insertInto('run_tags').values(orphan).execute()),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('a value no column can hold is refused before it is sent', async () => {
    const catalog = await opened()
    const find = catalog.read.selectFrom('leases').selectAll()
    // @ts-expect-error: a caller without types
    await expect(find.where('name', '=', { a: 1 }).execute()).rejects.toMatchObject({
      code: 'INTERNAL',
    })
  })

  test('a text with a NUL is refused rather than cut short', async () => {
    const catalog = await opened()
    await expect(catalog.write(insert('a\0b'))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a unit that throws undoes itself alone, and its neighbours in the batch are kept', async () => {
    const catalog = await opened()
    const bad = async (tx: Tx) => {
      await insert('b')(tx)
      throw new Error('changed my mind')
    }
    const all = await Promise.allSettled([
      catalog.write(insert('a')),
      catalog.write(bad),
      catalog.write(insert('a')),
      catalog.write(insert('c')),
    ])
    expect(all.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ])
    expect(await names(catalog.read)).toEqual(['a', 'c'])
  })

  test('a reader sees no uncommitted row, its own unit does, and both see it after the reply', async () => {
    const catalog = await opened()
    const [inside, outside] = await catalog.write(async (tx) => {
      await insert('a')(tx)
      return [await names(tx), await names(catalog.read)]
    })
    expect(inside).toEqual(['a'])
    expect(outside).toEqual([])
    expect(await names(catalog.read)).toEqual(['a'])
  })

  test('a unit sees what the units before it in the same batch wrote', async () => {
    const catalog = await opened()
    const counts = await Promise.all(
      ['a', 'b', 'c'].map((name) =>
        catalog.write(async (tx) => {
          await insert(name)(tx)
          return (await names(tx)).length
        }),
      ),
    )
    expect(counts).toEqual([1, 2, 3])
  })

  test('a tx is dead once its unit has ended', async () => {
    const catalog = await opened()
    const leaked = await catalog.write(async (tx) => ({ tx }))
    await expect(insert('late')(leaked.tx)).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await names(catalog.read)).toEqual([])
  })

  test('transactions of Kysely are refused: they would hold the one writer', async () => {
    const catalog = await opened()
    await expect(catalog.read.transaction().execute(insert('a'))).rejects.toMatchObject({
      code: 'INTERNAL',
    })
  })

  test('nextCommit resolves with the commit, not with a unit that failed', async () => {
    const catalog = await opened()
    const hint = catalog.nextCommit()
    await catalog.write(insert('a'))
    await hint
    expect(await names(catalog.read)).toEqual(['a'])
  })

  test('text, numbers, bytes and infinities come back as they went in', async () => {
    const catalog = await opened()
    const row = { ...lease('é 日本 🙂'), fence: 2 ** 53 - 1, expires_at: Infinity }
    await catalog.write((tx) => tx.insertInto('leases').values(row).execute())
    expect(await catalog.read.selectFrom('leases').selectAll().execute()).toEqual([row])
  })

  test.each([5e-324, 1e-300, 1e-20, 2 ** -53, 1 + 2 ** -52, 0.1, 1e300, -1e-20])(
    'the double %d comes back to the last bit',
    async (double) => {
      const catalog = await opened()
      const row = { ...lease('a'), expires_at: double }
      await catalog.write((tx) => tx.insertInto('leases').values(row).execute())
      const same = catalog.read.selectFrom('leases').select('expires_at')
      expect(await same.where('expires_at', '=', double).execute()).toEqual([
        { expires_at: double },
      ])
    },
  )

  test('a closed catalog says UNAVAILABLE', async () => {
    const catalog = await open()
    await catalog.close()
    await expect(names(catalog.read)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(catalog.write(insert('a'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('a snapshot holds what was committed before it, and nothing that was written since', async () => {
    const catalog = await opened()
    await catalog.write(insert('a'))
    await using snapshot = await catalog.snapshot()
    await catalog.write(insert('b'))
    await using later = await catalog.snapshot()
    await catalog.write((tx) => tx.deleteFrom('leases').execute())
    expect(await names(snapshot.read)).toEqual(['a'])
    expect(await names(later.read)).toEqual(['a', 'b'])
    expect(await names(catalog.read)).toEqual([])
  })

  test('a snapshot streams any number of rows, and a reader may leave in the middle', async () => {
    const catalog = await opened()
    const all = Array.from({ length: 2_500 }, (_, i) => `n${String(i).padStart(4, '0')}`)
    await catalog.write((tx) => Promise.all(all.map((name) => insert(name)(tx))))
    await using snapshot = await catalog.snapshot()
    const rows = () => snapshot.read.selectFrom('leases').selectAll().orderBy('name').stream(100)
    for await (const row of rows()) {
      expect(row).toEqual(lease('n0000'))
      break
    }
    const read: string[] = []
    for await (const { name } of rows()) read.push(name)
    expect(read).toEqual(all)
    await expect(rows().next()).resolves.toMatchObject({ done: false })
  })

  test('a snapshot writes nothing', async () => {
    const catalog = await opened()
    await using snapshot = await catalog.snapshot()
    await expect(insert('a')(snapshot.read)).rejects.toMatchObject({ code: 'FOLDER_NOT_WRITABLE' })
  })

  test('a snapshot that was let go answers no more', async () => {
    const catalog = await opened()
    const snapshot = await catalog.snapshot()
    await snapshot[Symbol.asyncDispose]()
    await expect(names(snapshot.read)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('a copy of a snapshot opens as a catalog that holds the same, whatever is written meanwhile', async () => {
    const catalog = await opened()
    const big = 'x'.repeat(100_000)
    await catalog.write((tx) =>
      Promise.all(Array.from({ length: 100 }, (_, i) => insert(`${i} ${big}`)(tx))),
    )
    const before = await names(catalog.read)
    const path = join(await tempFolder(), 'copy.db')
    await using snapshot = await catalog.snapshot()
    const copied = new AbortController()
    const copying = snapshot.copyTo(path).finally(() => copied.abort())
    let written = 0
    while (!copied.signal.aborted) await catalog.write(insert(`late ${written++}`))
    await copying
    const copy = await reopen(path)
    onTestFinished(() => copy.close())
    expect(await names(copy.read)).toEqual(before)
    expect(written).toBeGreaterThan(1)
  })

  test('a copy into a folder that is not there is refused', async () => {
    const catalog = await opened()
    await using snapshot = await catalog.snapshot()
    const absent = join(await tempFolder(), 'absent', 'copy.db')
    await expect(snapshot.copyTo(absent)).rejects.toMatchObject({ code: 'FOLDER_NOT_WRITABLE' })
  })

  test('neither shrinking nor a checkpoint waits for a snapshot that is held', async () => {
    const catalog = await opened()
    await using snapshot = await catalog.snapshot()
    await catalog.write(insert('a'))
    const startMs = performance.now()
    await catalog.checkpoint()
    await catalog.shrink()
    expect(performance.now() - startMs).toBeLessThan(4_000)
    expect(await names(snapshot.read)).toEqual([])
  })

  test('shrinking goes on beside the writers, and changes nothing that can be read', async () => {
    const catalog = await opened()
    const big = 'x'.repeat(100_000)
    await catalog.write((tx) =>
      Promise.all(Array.from({ length: 100 }, (_, i) => insert(`${i} ${big}`)(tx))),
    )
    await catalog.write((tx) => tx.deleteFrom('leases').execute())
    const writes = Array.from({ length: 50 }, (_, i) => catalog.write(insert(`n${i}`)))
    await Promise.all([catalog.shrink(), ...writes, catalog.checkpoint()])
    expect(await names(catalog.read)).toHaveLength(50)
  })
}
