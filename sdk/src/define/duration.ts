import { DefinitionError } from './definition-error.ts'

/** `30m`, `2h`, `7d`; `0` where no limit is meant. */
export type Duration = '0' | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

export function checkDuration(field: string, text: string): void {
  if (!/^(0|\d+(\.\d+)?(ms|s|m|h|d))$/.test(text))
    throw new DefinitionError(
      field,
      `expected a duration like 30m, 2h or 7d, got ${JSON.stringify(text)}`,
    )
}

/** As `checkDuration`, where a stretch of no length makes no sense. */
export function checkSpan(field: string, text: string): void {
  checkDuration(field, text)
  if (Number.parseFloat(text) === 0)
    throw new DefinitionError(field, `expected a duration above 0, got ${JSON.stringify(text)}`)
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Of a duration that was checked. */
export function millisecondsOf(text: Duration): number {
  const [, unit] = /(ms|s|m|h|d)$/.exec(text) ?? []
  const known = Object.entries(UNIT_MS).find(([name]) => name === unit)
  return Number.parseFloat(text) * (known?.[1] ?? 0)
}
