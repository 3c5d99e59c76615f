import { expect, test, vi } from 'vitest'
import { ctx, ENDPOINT, openHarbour, type Harbour } from './fixture.ts'

async function withOpen(harbour: Harbour, kind: 'canary' | 'blue-green') {
  const one = await harbour.addPassed('one')
  await harbour.releases.open(ctx, ENDPOINT, { model: one, plan: {} })
  const two = await harbour.addPassed('two')
  const release = await harbour.releases.open(ctx, ENDPOINT, { model: two, plan: { kind } })
  return { one, two, release }
}

test('an arm whose worker dies again and again is taken back, once, and no other release is', async () => {
  for (const kind of ['canary', 'blue-green'] as const) {
    await using harbour = await openHarbour()
    const { one, release } = await withOpen(harbour, kind)
    const crash = { project: ctx.project, endpoint: ENDPOINT, reason: 'crashed its worker 3 times' }
    harbour.releases.crashed({ ...crash, releaseId: 'rel_other' })
    for (let i = 0; i < 3; i++) harbour.releases.crashed({ ...crash, releaseId: release.id })
    await vi.waitFor(async () =>
      expect(await harbour.routes.get(ctx, ENDPOINT)).toMatchObject({ stable: one, canary: null }),
    )
    const types = ['release.rolled-back']
    expect(await harbour.store.events.since(0, 1000, { types })).toMatchObject([
      { actor: 'policy:crash-loop', data: { reason: 'crashed its worker 3 times' } },
    ])
  }
})

test('green is warm and answers nobody but who asks for it; one switch gives it everything', async () => {
  await using harbour = await openHarbour()
  const { one, two } = await withOpen(harbour, 'blue-green')
  expect(harbour.loaded.at(-1)).toBe(`${two} primary`)
  const pick = (asked: 'canary' | undefined) =>
    harbour.routes.pick(ctx.project, ENDPOINT, { subject: undefined, asked })
  for (let i = 0; i < 100; i++)
    expect(pick(undefined)).toMatchObject({ model: one, randomised: false })
  expect(pick('canary')).toMatchObject({ model: two, randomised: false })
  expect(await harbour.releases.analyse(ctx, ENDPOINT)).toMatchObject({ state: 'open' })
  const loaded = harbour.loaded.length
  await harbour.releases.promote(ctx, ENDPOINT, 'looks right')
  expect(await harbour.routes.get(ctx, ENDPOINT)).toMatchObject({ stable: two, previous: one })
  await harbour.releases.rollback(ctx, ENDPOINT, 'not after all')
  expect(await harbour.routes.get(ctx, ENDPOINT)).toMatchObject({ stable: one, previous: two })
  expect(harbour.loaded, 'neither the switch nor the way back loads').toHaveLength(loaded)
})
