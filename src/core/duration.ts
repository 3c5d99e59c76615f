import { GyreError } from './errors.ts'

const UNIT_MS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/** `90s`, `30m`, `2h`, `7d` or `0` as milliseconds. Throws INVALID_ARGUMENT naming `field`. */
export function durationMs(text: string, field = 'duration'): number {
  if (text === '0') return 0
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  const unitMs = UNIT_MS.get(match?.[2] ?? '')
  if (!match || unitMs === undefined)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${field}: expected a duration like 30m, 2h or 7d, got ${JSON.stringify(text)}`,
      { field, got: text },
    )
  return Number(match[1]) * unitMs
}
