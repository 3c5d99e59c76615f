import { expect, test } from 'vitest'
import { wired } from './contract/wired.ts'
import { createLeases } from './lease.ts'

const LONG_MS = 3_600_000

async function opened() {
  const { catalog } = await wired()
  return { catalog, leases: createLeases(catalog) }
}

test('a lease is held by one at a time, the holder itself included', async () => {
  const { leases } = await opened()
  expect(await leases.acquire('cron', 'a', LONG_MS)).toEqual({ fence: 1 })
  expect(await leases.acquire('cron', 'b', LONG_MS)).toBeUndefined()
  expect(await leases.acquire('cron', 'a', LONG_MS)).toBeUndefined()
  expect(await leases.acquire('loop', 'b', LONG_MS)).toEqual({ fence: 1 })
})

test('every acquisition has a greater fence, after a release and after it ran out', async () => {
  const { leases } = await opened()
  await leases.acquire('cron', 'a', LONG_MS)
  await leases.release('cron', 'a', 1)
  expect(await leases.acquire('cron', 'b', 0)).toEqual({ fence: 2 })
  expect(await leases.acquire('cron', 'a', LONG_MS)).toEqual({ fence: 3 })
})

test('an old holder can neither renew nor release nor write', async () => {
  const { leases, catalog } = await opened()
  await leases.acquire('cron', 'a', 0)
  await leases.acquire('cron', 'b', LONG_MS)
  const fenced = { code: 'FENCED' }
  await expect(leases.renew('cron', 'a', 1, LONG_MS)).rejects.toMatchObject(fenced)
  await leases.release('cron', 'a', 1)
  await expect(catalog.write((tx) => leases.assertHeld(tx, 'cron', 1))).rejects.toMatchObject(
    fenced,
  )
  await catalog.write((tx) => leases.assertHeld(tx, 'cron', 2))
})

test('a lease that ran out is no longer held, though nobody took it', async () => {
  const { leases, catalog } = await opened()
  await leases.acquire('cron', 'a', LONG_MS)
  await leases.renew('cron', 'a', 1, 0)
  await expect(catalog.write((tx) => leases.assertHeld(tx, 'cron', 1))).rejects.toMatchObject({
    code: 'FENCED',
  })
})
