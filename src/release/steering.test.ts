import { expect, test } from 'vitest'
import { ctx, ENDPOINT, openHarbour } from './fixture.ts'
import type { ReadRewards } from './steering.ts'

test('a bandit begins at a half, follows its rewards in steps, and ends by hand', async () => {
  let rewards: Awaited<ReturnType<ReadRewards>> = []
  const asked: unknown[] = []
  await using harbour = await openHarbour({
    rewards: async (_ctx, query) => (asked.push(query), rewards),
  })
  const { releases, routes } = harbour
  const one = await harbour.addPassed('one')
  await releases.open(ctx, ENDPOINT, { model: one, plan: {} })
  const two = await harbour.addPassed('two')
  const plan = { kind: 'bandit', horizon: '2d' } as const
  await expect(
    releases.open(ctx, ENDPOINT, { model: two, plan: { ...plan, floorBp: 900, capBp: 800 } }),
  ).rejects.toThrow('plan.capBp: expected at least the floor of 900, got 800')
  const release = await releases.open(ctx, ENDPOINT, { model: two, plan })
  const weight = async () => (await routes.get(ctx, ENDPOINT)).canary?.weightBp
  expect(await weight()).toBe(5000)
  await releases.analyse(ctx, ENDPOINT)
  expect((await routes.get(ctx, ENDPOINT)).rev, 'nothing moved').toBe(2)
  expect(asked).toEqual([{ endpoint: ENDPOINT, releaseId: release.id, horizonMs: 172_800_000 }])

  rewards = [
    { variant: 'canary', requests: 60, successes: 3, failures: 1 },
    { variant: 'stable', requests: 40, successes: 0, failures: 0 },
  ]
  await releases.analyse(ctx, ENDPOINT)
  // P(Beta(4, 2) > Beta(1, 1)) = 4 / 6.
  expect(await weight()).toBe(6667)
  expect(await harbour.store.events.latest({ types: ['release.steered'] })).toMatchObject({
    actor: 'policy:canary-analysis',
    data: { weightBp: 6667, rewards: { canary: { successes: 3, failures: 1 } } },
  })
  const { bandit } = await releases.status(ctx, ENDPOINT)
  expect(bandit).toMatchObject({
    weightBp: 6667,
    arms: [
      { model: one, allocation: 0, observed: 0.4 },
      { model: two, allocation: 1, observed: 0.6 },
    ],
  })

  rewards = [{ variant: 'canary', requests: 900, successes: 0, failures: 900 }]
  await releases.analyse(ctx, ENDPOINT)
  expect(await weight(), 'the floor').toBe(500)
  await expect(releases.approve(ctx, ENDPOINT)).rejects.toThrow('a bandit has no stages')
  await releases.promote(ctx, ENDPOINT)
  expect(await routes.get(ctx, ENDPOINT)).toMatchObject({ stable: two, canary: null })
})

test('a bandit whose new version fails is taken back, at whatever shares it failed', async () => {
  await using harbour = await openHarbour()
  const { releases } = harbour
  const one = await harbour.addPassed('one')
  await releases.open(ctx, ENDPOINT, { model: one, plan: {} })
  const model = await harbour.addPassed('two')
  const { id } = await releases.open(ctx, ENDPOINT, { model, plan: { kind: 'bandit' } })
  for (const weightBp of [5000, 3000])
    for (let i = 0; i < 30; i++) {
      const outcome = { project: ctx.project, endpoint: ENDPOINT, releaseId: id, weightBp }
      const subject = `${weightBp} ${i}`
      releases.count({ ...outcome, arm: 'stable', subject: `s${subject}`, failed: false })
      releases.count({ ...outcome, arm: 'canary', subject: `c${subject}`, failed: i % 10 === 0 })
    }
  await releases.analyse(ctx, ENDPOINT)
  expect(await releases.get(ctx, id)).toMatchObject({ state: 'rolled_back' })
})
