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

/** What an item logs. */
export interface ItemPoints {
  readonly add: (key: string, value: number, step?: number) => void
  /** In the order of their coming, curves by their last point. */
  readonly all: () => ItemPoint[]
}

/**
 * Points of all items make one curve, each at its item's number: where an item logs a curve of its own, the same code
 * as in a step that is done once, its last point (greatest step, then last logged) is the item's.
 */
export function createItemPoints(): ItemPoints {
  const points: { readonly key: string; readonly value: number; readonly step?: number }[] = []
  return {
    add(key, value, step) {
      const at = points.findIndex((each) => each.key === key && each.step !== undefined)
      const last = points[at]?.step
      if (step === undefined || last === undefined)
        points.push({ key, value, ...(step !== undefined && { step }) })
      else if (step >= last) points.splice(at, 1, { key, value, step })
    },
    all: () => points.map(({ key, value }) => ({ key, value })),
  }
}

export async function noCheckpoint(): Promise<void> {
  throw new GyreError(
    'INVALID_ARGUMENT',
    'checkpoint: an item has none; it is done whole, or tried again',
    { field: 'checkpoint' },
  )
}
