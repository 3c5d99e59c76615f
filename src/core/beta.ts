/** Coefficients of Lanczos' series for ln Γ (g = 7, n = 9): 15 digits. Source: Godfrey (2001). */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
] as const

/** Stops a continued fraction whose factor no longer changes a double. */
const PRECISION = 1e-15

/** Steps until the fraction stands still are of the order of √(a + b): this is enough for 10^10 rows. */
const MAX_STEPS = 200_000

/** Halvings of [0, 1] after which two doubles are neighbours. */
const HALVINGS = 80

/** ln Γ(x) for x > 0. */
function logGamma(x: number): number {
  const [first, ...rest] = LANCZOS
  const z = x - 1
  const sum = rest.reduce<number>((total, each, i) => total + each / (z + i + 1), first)
  const t = z + 7.5
  return Math.log(2 * Math.PI) / 2 + (z + 0.5) * Math.log(t) - t + Math.log(sum)
}

/**
 * The regularised incomplete beta function I_x(a, b), a and b > 0, x in 0..1: the distribution function of
 * Beta(a, b). Source: Numerical Recipes §6.4, the continued fraction by Lentz' method.
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  )
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b
}

/** The x at which I_x(a, b) is `share`, by halving: slow (0.1 ms), and sure. */
export function betaQuantile(share: number, a: number, b: number): number {
  let [low, high] = [0, 1]
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2
    if (incompleteBeta(middle, a, b) < share) low = middle
    else high = middle
  }
  return (low + high) / 2
}

function betaFraction(x: number, a: number, b: number): number {
  let c = 1
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m <= MAX_STEPS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / awayFromZero(1 + even * d)
    c = awayFromZero(1 + even / c)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / awayFromZero(1 + odd * d)
    c = awayFromZero(1 + odd / c)
    fraction *= d * c
    if (Math.abs(d * c - 1) < PRECISION) break
  }
  return fraction
}

function awayFromZero(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value
}
