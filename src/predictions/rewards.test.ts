import { expect, test } from 'vitest'
import { fakeClock } from '../core/clock.ts'
import { openBench } from './fixture.ts'

const ctx = { project: 'default', actor: 'local', requestId: 'req_1' }
const DAY_MS = 86_400_000

test('rewards are labels of randomised requests, known in time, each prediction once', async () => {
  await using bench = await openBench(fakeClock('2001-03-01T00:00:00.000Z'))
  const { predictions } = bench
  const randomised = { releaseId: 'rel_1', weightBp: 5000, randomised: true }
  const canary = () => bench.answer({ ...randomised, variant: 'canary', model: 'model:delay@2' })
  const [won, lost, changed, late, silent] = [canary(), canary(), canary(), canary(), canary()]
  const stable = bench.answer(randomised)
  const asked = bench.answer({ ...randomised, randomised: false, variant: 'canary' })
  const other = bench.answer({ ...randomised, releaseId: 'rel_2' })
  const label = (prediction_id: string, value: 0 | 1, at = '2001-02-04T00:00:00Z') =>
    predictions.feedback(ctx, [{ prediction_id, label: value, at }])
  for (const id of [won, won, stable, asked, other]) await label(id, 1)
  await label(lost, 0)
  await label(changed, 1)
  await label(changed, 0, '2001-02-04T01:00:00Z')
  await label(late, 1, '2001-02-05T10:30:00.001Z')
  expect(silent).toBeDefined()
  const query = { endpoint: 'delay', releaseId: 'rel_1', horizonMs: 2 * DAY_MS }
  expect(await predictions.rewards(ctx, query)).toEqual([
    { variant: 'canary', requests: 5, successes: 1, failures: 2 },
    { variant: 'stable', requests: 1, successes: 1, failures: 0 },
  ])
  expect(await predictions.rewards({ ...ctx, project: 'other' }, query)).toEqual([])
  // A day more, and the late one counts.
  const longer = await predictions.rewards(ctx, { ...query, horizonMs: 3 * DAY_MS })
  expect(longer[0]).toMatchObject({ successes: 2 })
})
