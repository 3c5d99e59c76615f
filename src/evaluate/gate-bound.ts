/** The four ways to bound a number; `slack` is how far inside the bound it lies. */
const BOUNDS = {
  atLeast: { sign: '≥', strict: false, slack: (value: number, bound: number) => value - bound },
  above: { sign: '>', strict: true, slack: (value: number, bound: number) => value - bound },
  atMost: { sign: '≤', strict: false, slack: (value: number, bound: number) => bound - value },
  below: { sign: '<', strict: true, slack: (value: number, bound: number) => bound - value },
} as const

export type BoundName = keyof typeof BOUNDS

export const BOUND_NAMES: readonly BoundName[] = ['atLeast', 'above', 'atMost', 'below']

/** What a rule comes to: a number against a bound, or an answer that needs none. */
export type Finding =
  | {
      readonly kind: 'compared'
      readonly value: number
      readonly name: BoundName
      readonly bound: number
      /** Where the number comes from, when it is not the metric itself: `0.39 + 0.012`. */
      readonly from?: string
    }
  | { readonly kind: 'settled'; readonly passed: boolean; readonly reason: string }

export function failed(reason: string): Finding {
  return { kind: 'settled', passed: false, reason }
}

/** `≥ 0.68`. */
export function boundText(name: BoundName, bound: number): string {
  return `${BOUNDS[name].sign} ${shown(bound)}`
}

export interface Outcome {
  readonly passed: boolean
  readonly reason: string
  /** How far inside its bound the value lies, in its unit; ±∞ when nothing was compared. */
  readonly slack: number
}

export function outcomeOf(finding: Finding): Outcome {
  if (finding.kind === 'settled') {
    const { passed, reason } = finding
    return { passed, reason, slack: passed ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY }
  }
  const { value, name, bound, from } = finding
  const slack = BOUNDS[name].slack(value, bound)
  const passed = BOUNDS[name].strict ? slack > 0 : slack >= 0
  return {
    passed,
    slack,
    reason: `${shown(value)} is ${passed ? '' : 'not '}${boundText(name, bound)}${from ? ` (${from})` : ''}`,
  }
}

/**
 * A sum or difference to 12 digits, so that decimals come out as they are written: 0.75 − 0.7 is 0.05 and not
 * 0.050000000000000044, and a bound of 0.05 holds.
 */
export function decimal(sum: number): number {
  return Number(sum.toPrecision(12))
}

/** Six digits of it. */
export function shown(value: number): string {
  return String(Number(value.toPrecision(6)))
}
