import type { RouteState } from '@gyre/sdk/wire/release'
import { expect, test } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { askedArm, pick, type Asker } from './pick.ts'

const subjects = Array.from({ length: 20_000 }, (_, i) => String(i))

function route(weightBp: number, salt = 'r1'): RouteState {
  return {
    endpoint: 'delay',
    rev: 7,
    stable: 'model:delay@1',
    previous: null,
    canary: { model: 'model:delay@2', weightBp, salt, releaseId: 'rel_1' },
  }
}

const never = () => {
  throw new Error('a subject is not left to chance')
}

const of = (subject: string): Asker => ({ subject, asked: undefined })

function canaries(state: RouteState): Set<string> {
  return new Set(subjects.filter((id) => pick(state, of(id), never).variant === 'canary'))
}

test('an endpoint without a released version answers UNAVAILABLE and says so', () => {
  const empty = { endpoint: 'delay', rev: 0, stable: null, previous: null, canary: null }
  expect(() => pick(empty, of('1'), never)).toThrow('delay has no released model yet')
})

test('the header x-gyre-variant takes canary and stable, nothing else', () => {
  expect(askedArm({})).toBeUndefined()
  expect(askedArm({ canary: 'true' })).toBe('canary')
  expect(askedArm({ canary: 'false' })).toBeUndefined()
  expect(askedArm({ 'x-gyre-variant': 'stable', canary: 'true' })).toBe('stable')
  expect(() => askedArm({ 'x-gyre-variant': 'blue' })).toThrow(
    /expected canary or stable, got "blue"/,
  )
})

test('without a canary the stable arm answers and nothing is evidence', () => {
  const state = { ...route(1000), canary: null }
  expect(pick(state, of('1'), never)).toEqual({
    model: 'model:delay@1',
    variant: 'stable',
    rev: 7,
    releaseId: null,
    weightBp: 0,
    slowMs: undefined,
    sticky: true,
    randomised: false,
  })
})

test('a tenth of the subjects goes to a canary of 1000 basis points', () => {
  // Binomial(20,000, 0.1): 2000 ± 3.3 · √1800 leaves out one draw in a thousand.
  const { size } = canaries(route(1000))
  expect(Math.abs(size - 2000)).toBeLessThan(140)
})

test('raising the weight moves nobody back', () => {
  const weights = [1, 100, 1000, 2500, 5000, 9999]
  let before = new Set<string>()
  for (const weight of weights) {
    const now = canaries(route(weight))
    expect([...before].filter((id) => !now.has(id))).toEqual([])
    before = now
  }
})

test('another release draws other subjects', () => {
  const [first, second] = [canaries(route(1000, 'r1')), canaries(route(1000, 'r2'))]
  const both = [...first].filter((id) => second.has(id)).length
  // Independent draws share a hundredth: 200 ± 3.3 · √198.
  expect(Math.abs(both - 200)).toBeLessThan(47)
})

test('a header chooses the arm, and such a request is no evidence', () => {
  const [canary] = canaries(route(1000))
  const asked = pick(route(1000), { subject: canary, asked: 'stable' }, never)
  expect(asked).toMatchObject({ variant: 'stable', randomised: false, sticky: false })
  const forced = pick(route(1), { subject: '3', asked: 'canary' }, never)
  expect(forced).toMatchObject({ variant: 'canary', randomised: false, releaseId: 'rel_1' })
  const none = pick({ ...route(1), canary: null }, { subject: '3', asked: 'canary' }, never)
  expect(none).toMatchObject({ variant: 'stable', model: 'model:delay@1' })
})

test('without a subject each request draws anew and is not sticky', () => {
  const random = seededRandom(1)
  const picks = subjects.map(() =>
    pick(route(1000), { subject: undefined, asked: undefined }, random),
  )
  expect(picks.every(({ sticky, randomised }) => !sticky && randomised)).toBe(true)
  const drawn = picks.filter(({ variant }) => variant === 'canary').length
  expect(Math.abs(drawn - 2000)).toBeLessThan(140)
})

test('a weight of nothing or everything is no evidence', () => {
  expect(pick(route(0), of('1'), never)).toMatchObject({ variant: 'stable', randomised: false })
  expect(pick(route(10_000), of('1'), never)).toMatchObject({
    variant: 'canary',
    randomised: false,
  })
})
