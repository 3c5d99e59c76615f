import { GyreError } from '../core/errors.ts'
import type { Row } from '../store/analytics.ts'

/** A column of an answer that is always text. */
export function textCell(row: Row | undefined, name: string): string {
  const cell = row?.[name]
  if (typeof cell === 'string') return cell
  throw new GyreError('INTERNAL', `expected a text in column ${name}`, { name })
}

/** A column of an answer that is always a number. */
export function numberCell(row: Row | undefined, name: string): number {
  const cell = row?.[name]
  if (typeof cell === 'number' || typeof cell === 'bigint') return Number(cell)
  throw new GyreError('INTERNAL', `expected a number in column ${name}`, { name })
}
