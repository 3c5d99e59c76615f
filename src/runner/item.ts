import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { ItemWork } from '@gyre/sdk/wire/step'
import { GyreError } from '../core/errors.ts'

export interface ItemPoint {
  readonly key: string
  readonly value: number
}

/** What items need, opened once for all that a process does. */
export interface OpenItems extends AsyncDisposable {
  readonly perform: (item: ItemWork) => Promise<{ outputs: JsonValue; points: ItemPoint[] }>
}

/** Points of all items make one curve, each at its item's number. Throws INVALID_ARGUMENT for one with a step. */
export function itemPoint(key: string, value: number, step?: number): ItemPoint {
  if (step === undefined) return { key, value }
  throw new GyreError(
    'INVALID_ARGUMENT',
    `metric ${key}: expected no step; a point of an item stands at the item's number`,
    { field: key },
  )
}

export async function noCheckpoint(): Promise<void> {
  throw new GyreError(
    'INVALID_ARGUMENT',
    'checkpoint: an item has none; it is done whole, or tried again',
    { field: 'checkpoint' },
  )
}
