import { expect, test } from 'vitest'
import { systemClock } from '../core/clock.ts'
import { silentLog } from '../core/log.ts'
import { createInfer } from './infer.ts'
import { LINEAR3_OF_1_2_HALF, modelFolder } from './infer.fixture.ts'

test('a vector gets the score numpy computes, and comes back for the log', async () => {
  await using folder = await modelFolder()
  const infer = createInfer({ clock: systemClock, log: silentLog, workers: 1 })
  const session = await infer.open(await folder.source('model:linear@1'))
  const answer = await session.predict({ kind: 'vector', values: [1, 2, 0.5] })
  expect(answer.score).toBeCloseTo(LINEAR3_OF_1_2_HALF, 6)
  expect([...answer.inputs]).toEqual([1, 2, 0.5])
  await infer.close()
})
