import { expect, test } from 'vitest'
import { GyreError } from '../core/errors.ts'
import type { Catalog } from '../store/catalog.ts'
import { ctx, ENDPOINT, openHarbour, type Harbour } from './fixture.ts'
import type { Releases } from './release.ts'

/** The store's catalog, and a switch that makes every write find the disk full. */
function fullable(inner: Catalog) {
  let isFull = false
  const catalog: Catalog = {
    ...inner,
    write: (unit) =>
      isFull ? Promise.reject(new GyreError('DISK_FULL', 'no space left')) : inner.write(unit),
  }
  return { catalog, fill: (full: boolean) => void (isFull = full) }
}

async function withCanary(harbour: Harbour) {
  const { releases } = harbour
  const one = await harbour.addPassed('one')
  await releases.open(ctx, ENDPOINT, { model: one, plan: {} })
  const two = await harbour.addPassed('two')
  const plan = { kind: 'canary', weightBp: 5000 } as const
  return releases.open(ctx, ENDPOINT, { model: two, plan })
}

const variant = ({ routes }: Harbour) =>
  routes.pick(ctx.project, ENDPOINT, { subject: '1', asked: 'canary' }).variant

/** Waits for the rollback that is tried again every second. */
async function written(harbour: Harbour, releases: Releases, id: string) {
  while ((await releases.get(ctx, id)).state === 'open') await harbour.store.catalog.nextCommit()
}

test('with a full disk a rollback is in force at once and written down later', async () => {
  await using harbour = await openHarbour()
  const { catalog, fill } = fullable(harbour.store.catalog)
  const releases = harbour.another({ catalog })
  const { id } = await withCanary(harbour)
  expect(variant(harbour)).toBe('canary')
  fill(true)
  await expect(releases.rollback(ctx, ENDPOINT, 'no good')).rejects.toMatchObject({
    code: 'DISK_FULL',
    details: { inForce: true },
  })
  expect(variant(harbour)).toBe('stable')
  expect((await releases.get(ctx, id)).state).toBe('open')
  fill(false)
  await written(harbour, releases, id)
  expect(await releases.get(ctx, id)).toMatchObject({ state: 'rolled_back', reason: 'no good' })
  expect(await harbour.store.events.latest({ types: ['release.rolled-back'] })).toMatchObject({
    actor: 'local',
    data: { releaseId: id },
  })
})

test('with a full disk a failing canary loses its traffic by what is counted in memory', async () => {
  await using harbour = await openHarbour()
  const { catalog, fill } = fullable(harbour.store.catalog)
  const releases = harbour.another({ catalog })
  const { id } = await withCanary(harbour)
  fill(true)
  const outcome = { project: ctx.project, endpoint: ENDPOINT, releaseId: id, weightBp: 5000 }
  for (let i = 0; i < 20; i++) {
    releases.count({ ...outcome, arm: 'stable', subject: `s${i}`, failed: false })
    releases.count({ ...outcome, arm: 'canary', subject: `c${i}`, failed: true })
  }
  await expect(releases.analyse(ctx, ENDPOINT)).rejects.toMatchObject({ code: 'DISK_FULL' })
  expect(variant(harbour)).toBe('stable')
  fill(false)
  await written(harbour, releases, id)
  expect(await releases.get(ctx, id)).toMatchObject({ state: 'rolled_back' })
})

test('with a full disk every other move is refused', async () => {
  await using harbour = await openHarbour()
  const { catalog, fill } = fullable(harbour.store.catalog)
  const releases = harbour.another({ catalog })
  const { id } = await withCanary(harbour)
  fill(true)
  await expect(releases.promote(ctx, ENDPOINT)).rejects.toMatchObject({ code: 'DISK_FULL' })
  expect(variant(harbour)).toBe('canary')
  expect((await releases.get(ctx, id)).state).toBe('open')
})
