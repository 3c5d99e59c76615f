import { expect, test } from 'vitest'
import { ctx, ENDPOINT, openHarbour, type Harbour } from './fixture.ts'

async function withShadow(harbour: Harbour) {
  const one = await harbour.addPassed('one')
  await harbour.releases.open(ctx, ENDPOINT, { model: one, plan: {} })
  const two = await harbour.addPassed('two')
  const plan = { kind: 'shadow', sampleBp: 5000, tolerance: 0.01 } as const
  return { one, two, release: await harbour.releases.open(ctx, ENDPOINT, { model: two, plan }) }
}

test('a shadow cannot be approved, and stands in the way of another release', async () => {
  await using harbour = await openHarbour()
  const { two } = await withShadow(harbour)
  await expect(harbour.releases.approve(ctx, ENDPOINT)).rejects.toThrow('a shadow has no stages')
  const model = await harbour.addPassed('three')
  await expect(harbour.releases.open(ctx, ENDPOINT, { model, plan: {} })).rejects.toThrow(
    `has an open release of ${two}`,
  )
})

test('a shadow takes no traffic, is not judged, and ends by hand', async () => {
  await using harbour = await openHarbour()
  const { one, two, release } = await withShadow(harbour)
  expect(release).toMatchObject({ kind: 'shadow', state: 'open' })
  expect(harbour.loaded).toEqual([`${one} primary`, `${two} shadow`])
  expect(await harbour.routes.get(ctx, ENDPOINT)).toMatchObject({
    stable: one,
    canary: null,
    shadow: { model: two, sampleBp: 5000, tolerance: 0.01, releaseId: release.id },
  })
  const asked = harbour.routes.pick(ctx.project, ENDPOINT, { subject: '1', asked: 'canary' })
  expect(asked).toMatchObject({ variant: 'stable', model: one, releaseId: null })
  expect(await harbour.releases.analyse(ctx, ENDPOINT)).toMatchObject({ state: 'open' })
  await harbour.releases.abort(ctx, ENDPOINT, 'seen enough')
  const { shadow } = await harbour.routes.get(ctx, ENDPOINT)
  expect(shadow).toBeUndefined()
})

test('a shadow that is completed is loaded among the primaries first', async () => {
  await using harbour = await openHarbour()
  const { two } = await withShadow(harbour)
  await harbour.releases.promote(ctx, ENDPOINT)
  expect(harbour.loaded.at(-1)).toBe(`${two} primary`)
  const route = await harbour.routes.get(ctx, ENDPOINT)
  expect(route).toMatchObject({ stable: two })
  expect(route.shadow).toBeUndefined()
})

test('agreement adds up over servers and flushes', async () => {
  await using harbour = await openHarbour()
  const { release } = await withShadow(harbour)
  const other = harbour.another()
  const compared = { releaseId: release.id, end: 'compared', primaryMs: 2 } as const
  harbour.releases.countShadow({ ...compared, agree: true, maxAbsDiff: 0.001, shadowMs: 4 })
  harbour.releases.countShadow({ releaseId: release.id, end: 'dropped' })
  expect((await harbour.releases.status(ctx, ENDPOINT)).shadow).toMatchObject({ compared: 1 })
  harbour.releases.countShadow({ ...compared, agree: false, maxAbsDiff: 0.5, shadowMs: 6 })
  other.countShadow({ ...compared, agree: true, maxAbsDiff: null, shadowMs: 2 })
  other.countShadow({ releaseId: release.id, end: 'failed' })
  await other.status(ctx, ENDPOINT)
  expect((await harbour.releases.status(ctx, ENDPOINT)).shadow).toEqual({
    compared: 3,
    agreed: 2,
    failed: 1,
    dropped: 1,
    maxAbsDiff: 0.5,
    primaryMs: 2,
    shadowMs: 4,
  })
})
