import { expect, test } from 'vitest'
import { gridOf } from './grid.ts'
import { compileSpace, type SearchSpace } from './space.ts'

const refused: readonly (readonly [SearchSpace, RegExp])[] = [
  [{}, /at least one parameter/],
  [{ a: { kind: 'float', low: 1, high: 0 } }, /^over\.a: expected finite bounds/],
  [{ a: { kind: 'float', low: Number.NaN, high: 1 } }, /finite bounds/],
  [{ a: { kind: 'float', low: 0, high: Number.POSITIVE_INFINITY } }, /finite bounds/],
  [{ a: { kind: 'float', low: 0, high: 1, log: true } }, /low above 0 on a log scale/],
  [{ a: { kind: 'float', low: 1, high: 9, log: true, step: 2 } }, /none on a log scale/],
  [{ a: { kind: 'float', low: 0, high: 1, step: 0 } }, /a step above 0/],
  [{ a: { kind: 'int', low: 0.5, high: 2 } }, /whole numbers/],
  [{ a: { kind: 'int', low: 0, high: 4, step: 1.5 } }, /whole numbers/],
  [{ a: { kind: 'choice', of: [] } }, /at least one choice/],
  [{ a: { kind: 'choice', of: ['x', 'x'] } }, /choices that differ/],
  [
    { a: { kind: 'float', low: 0, high: 1, when: { param: 'b', is: [1] } } },
    /stands before it, got b/,
  ],
  [
    {
      a: { kind: 'choice', of: ['x'] },
      b: { kind: 'float', low: 0, high: 1, when: { param: 'a', is: ['y'] } },
    },
    /choices of a, got y/,
  ],
]

test('a space that cannot be is refused, and says which parameter and why', () => {
  for (const [space, says] of refused)
    expect(() => compileSpace(space)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(says) }),
    )
})

test('a log scale has the square root of its ends in the middle, and steps have equal shares', () => {
  const [lr, n, layers] = compileSpace({
    lr: { kind: 'float', low: 1e-4, high: 1, log: true },
    n: { kind: 'int', low: 10, high: 20, step: 5 },
    layers: { kind: 'float', low: 0, high: 1, step: 0.1 },
  })
  if (lr?.kind !== 'range' || n?.kind !== 'range' || layers?.kind !== 'range')
    throw new Error('no ranges')
  expect(lr.fromUnit(0.5)).toBeCloseTo(0.01, 12)
  expect(lr.toUnit(0.01)).toBeCloseTo(0.5, 12)
  expect([0, 0.3, 0.34, 0.66, 0.67, 1].map((unit) => n.fromUnit(unit))).toEqual([
    10, 10, 15, 15, 20, 20,
  ])
  expect(n.cell?.(15)).toEqual([1 / 3, 2 / 3])
  expect(layers.fromUnit(0.3)).toBe(0.3)
})

test('a grid has every combination once, and only parameters that are called for', () => {
  const axes = compileSpace({
    kind: { kind: 'choice', of: ['a', 'b'] },
    n: { kind: 'int', low: 1, high: 3 },
    z: { kind: 'float', low: 0, high: 1, when: { param: 'kind', is: ['b'] } },
  })
  expect(gridOf(axes, { points: 2 })).toEqual([
    { kind: 'a', n: 1 },
    { kind: 'a', n: 3 },
    { kind: 'b', n: 1, z: 0 },
    { kind: 'b', n: 1, z: 1 },
    { kind: 'b', n: 3, z: 0 },
    { kind: 'b', n: 3, z: 1 },
  ])
})

test('an int of fewer values than points has each of them once; a grid without end is refused', () => {
  const three = compileSpace({ n: { kind: 'int', low: 1, high: 3 } })
  expect(gridOf(three, { points: 10 })).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  const wide = Object.fromEntries(
    Array.from({ length: 5 }, (_, i) => [`x${i}`, { kind: 'float', low: 0, high: 1 } as const]),
  )
  expect(() => gridOf(compileSpace(wide), { points: 10 })).toThrow(/more than 10000 combinations/)
})
