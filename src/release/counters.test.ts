import { expect, test } from 'vitest'
import { loadEvidence } from './counter-rows.ts'
import { ctx, ENDPOINT, openHarbour, type Harbour } from './fixture.ts'
import { totalOf } from './evidence.ts'
import type { Outcome } from './outcome-tally.ts'
import type { Releases } from './release.ts'

/** A canary is open; gives what counts one of its requests. */
async function openCanary(harbour: Harbour) {
  const { releases } = harbour
  await releases.open(ctx, ENDPOINT, { model: await harbour.addPassed('one'), plan: {} })
  const two = await harbour.addPassed('two')
  const { id } = await releases.open(ctx, ENDPOINT, { model: two, plan: { kind: 'canary' } })
  const outcome = { project: ctx.project, endpoint: ENDPOINT, releaseId: id, weightBp: 1000 }
  const count = (by: Releases, rest: Pick<Outcome, 'arm' | 'subject' | 'failed'>) =>
    by.count({ ...outcome, ...rest })
  const total = async (arm: Outcome['arm']) =>
    totalOf(await loadEvidence(harbour.store.catalog.read, id), arm)
  return { count, total, id }
}

test('a subject that keeps failing is one failure, over restarts and replicas too', async () => {
  await using harbour = await openHarbour()
  const { count, total } = await openCanary(harbour)
  const noisy = { arm: 'stable', subject: '42', failed: true } as const
  for (let i = 0; i < 5; i++) count(harbour.releases, noisy)
  await harbour.releases.analyse(ctx, ENDPOINT)
  const restarted = harbour.another()
  const replica = harbour.another()
  for (const one of [restarted, replica]) {
    count(one, noisy)
    count(one, { ...noisy, subject: '43' })
    await one.analyse(ctx, ENDPOINT)
  }
  expect(await total('stable')).toEqual({ requests: 9, failures: 9, subjectsFailed: 2 })
})

test('failures without a subject stand for themselves', async () => {
  await using harbour = await openHarbour()
  const { count, total } = await openCanary(harbour)
  for (const failed of [true, true, false])
    count(harbour.releases, { arm: 'stable', subject: undefined, failed })
  await harbour.releases.analyse(ctx, ENDPOINT)
  expect(await total('stable')).toEqual({ requests: 3, failures: 2, subjectsFailed: 2 })
})

test('closing puts the last counts down, and a closed release takes no more', async () => {
  await using harbour = await openHarbour()
  const { count, total } = await openCanary(harbour)
  const other = harbour.another()
  count(other, { arm: 'canary', subject: '1', failed: false })
  await other.close()
  expect(await total('canary')).toMatchObject({ requests: 1 })
  await harbour.releases.rollback(ctx, ENDPOINT, 'enough')
  count(harbour.releases, { arm: 'canary', subject: '2', failed: false })
  await harbour.releases.close()
  expect(await total('canary')).toMatchObject({ requests: 1 })
})

test('a failing canary is judged without being asked', async () => {
  await using harbour = await openHarbour()
  const { count, id } = await openCanary(harbour)
  for (let i = 0; i < 20; i++) {
    count(harbour.releases, { arm: 'stable', subject: `s${i}`, failed: false })
    count(harbour.releases, { arm: 'canary', subject: `c${i}`, failed: true })
  }
  const stopping = new AbortController()
  for (;;) {
    const seq = (await harbour.store.events.latest())?.seq ?? 0
    if ((await harbour.releases.get(ctx, id)).state !== 'open') break
    await harbour.store.events.wait(seq, stopping.signal)
  }
  expect(await harbour.releases.get(ctx, id)).toMatchObject({ state: 'rolled_back' })
})
