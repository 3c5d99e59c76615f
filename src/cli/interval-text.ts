import type { Interval } from '@gyre/sdk/wire/gate'

/** `0.61 to 0.72`. */
export function intervalText({ lower, upper }: Interval): string {
  return [lower, upper].map((end) => String(Number(end.toPrecision(4)))).join(' to ')
}
