import type { Params, SearchSpace } from './space.ts'

/** A standard function that is minimised, over the space it is usually searched in. */
export interface Objective {
  readonly space: SearchSpace
  readonly at: (params: Params) => number
}

/** Minimum 0.397887. Source: L. C. W. Dixon and G. P. Szegő, The global optimization problem (1978). */
const branin: Objective = {
  space: {
    x: { kind: 'float', low: -5, high: 10 },
    y: { kind: 'float', low: 0, high: 15 },
  },
  at(params) {
    const [x, y] = [Number(params['x']), Number(params['y'])]
    const bent = y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6
    return bent ** 2 + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10
  },
}

const HARTMANN = [
  { height: 1, steep: [10, 3, 17, 3.5, 1.7, 8], at: [1312, 1696, 5569, 124, 8283, 5886] },
  { height: 1.2, steep: [0.05, 10, 17, 0.1, 8, 14], at: [2329, 4135, 8307, 3736, 1004, 9991] },
  { height: 3, steep: [3, 3.5, 1.7, 10, 17, 8], at: [2348, 1451, 3522, 2883, 3047, 6650] },
  { height: 3.2, steep: [17, 8, 0.05, 10, 0.1, 14], at: [4047, 8828, 8732, 5743, 1091, 381] },
]

/** Minimum -3.32237. Source: the same. */
const hartmann6: Objective = {
  space: cube(6, 0, 1),
  at(params) {
    const point = pointOf(params, 6)
    const depths = HARTMANN.map(({ height, steep, at }) => {
      const far = point.map((x, i) => (steep[i] ?? 0) * (x - (at[i] ?? 0) / 10_000) ** 2)
      return height * Math.exp(-sum(far))
    })
    return -sum(depths)
  },
}

/** A bent valley; minimum 0. Source: H. H. Rosenbrock, The Computer Journal 3 (1960). */
const rosenbrock5: Objective = {
  space: cube(5, -2, 2),
  at(params) {
    const point = pointOf(params, 5)
    const parts = point.slice(1).map((next, i) => {
      const x = point[i] ?? 0
      return 100 * (next - x ** 2) ** 2 + (1 - x) ** 2
    })
    return sum(parts)
  },
}

/** Many small dents around one; minimum 0. Source: D. H. Ackley (1987). */
const ackley5: Objective = {
  space: cube(5, -5, 5),
  at(params) {
    const point = pointOf(params, 5)
    const size = Math.sqrt(sum(point.map((x) => x ** 2)) / 5)
    const waves = sum(point.map((x) => Math.cos(2 * Math.PI * x))) / 5
    return 20 + Math.E - 20 * Math.exp(-0.2 * size) - Math.exp(waves)
  },
}

/** A choice that calls for parameters of its own, one on a log scale and one an integer; minimum 0. */
const mixed: Objective = {
  space: {
    kind: { kind: 'choice', of: ['a', 'b'] },
    lr: { kind: 'float', low: 1e-5, high: 0.1, log: true, when: { param: 'kind', is: ['a'] } },
    n: { kind: 'int', low: 1, high: 20, when: { param: 'kind', is: ['a'] } },
    z: { kind: 'float', low: 0, high: 1, when: { param: 'kind', is: ['b'] } },
  },
  at({ kind, lr, n, z }) {
    if (kind === 'b') return 0.1 + (Number(z) - 0.3) ** 2
    return 0.1 * (Math.log10(Number(lr)) + 3) ** 2 + ((Number(n) - 7) / 10) ** 2
  },
}

export const OBJECTIVES = { branin, hartmann6, rosenbrock5, ackley5, mixed } as const

function cube(size: number, low: number, high: number): SearchSpace {
  const names = Array.from({ length: size }, (_, i) => `x${i}`)
  return Object.fromEntries(names.map((name) => [name, { kind: 'float', low, high }]))
}

function pointOf(params: Params, size: number): readonly number[] {
  return Array.from({ length: size }, (_, i) => Number(params[`x${i}`]))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
