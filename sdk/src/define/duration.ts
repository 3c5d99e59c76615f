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
