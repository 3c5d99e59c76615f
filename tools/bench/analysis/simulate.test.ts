import { expect, test } from 'vitest'
import { simulate, type World } from './simulate.ts'

const RUNS = 120
const endless = { weightBp: 1000, ceiling: 1e-9, margin: 1 }

function ends(world: World, plan: object, requests: number) {
  const runs = Array.from({ length: RUNS }, (_, seed) => simulate(world, plan, requests, seed))
  const share = (end: string) => runs.filter((run) => run.end === end).length / RUNS
  return { takenBack: share('taken back'), promoted: share('promoted') }
}

// Seeds are fixed: these are the same releases every time. The full table is `npm run bench -- analysis`.
test('versions that are no worse are taken back in at most 1 of 20 releases', () => {
  const equal: World = { rates: { errors: { stable: 0.01, canary: 0.01 } } }
  expect(ends(equal, endless, 8_000).takenBack).toBeLessThanOrEqual(0.05)
  const heavy = { ...equal, subjects: { count: 2_000, failing: 0.01, heaviness: 10 } }
  expect(ends(heavy, endless, 8_000).takenBack).toBeLessThanOrEqual(0.05)
})

test('versions at margin and ceiling are let through in at most 1 of 20 releases', () => {
  const atBoth: World = { rates: { errors: { stable: 0.02 / 3, canary: 0.01 } } }
  expect(ends(atBoth, { weightBp: 1000 }, 8_000).promoted).toBeLessThanOrEqual(0.05)
})

test('a threefold rate is found, in every stage; a clean version reaches everyone', () => {
  const worse: World = { rates: { errors: { stable: 0.01, canary: 0.03 } } }
  const staged = { stages: [{ weightBp: 1000 }, { weightBp: 5000 }] }
  const found = ends(worse, staged, 20_000)
  expect(found.promoted).toBe(0)
  expect(found.takenBack).toBeGreaterThan(0.98)
  const clean: World = { rates: { errors: { stable: 0.001, canary: 0.001 } } }
  expect(ends(clean, staged, 20_000).promoted).toBeGreaterThan(0.95)
})
