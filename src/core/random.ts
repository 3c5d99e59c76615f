/** A source of uniform numbers in [0, 1). */
export type Random = () => number

/**
 * Mulberry32: 32 bits of state, good enough for shuffles and splits, the same on every machine.
 * Source: Tommy Ettinger's public-domain generator (2017).
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
