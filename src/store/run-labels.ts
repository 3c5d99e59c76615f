import type { JsonValue } from '@gyre/sdk/wire/ref'

/** A parameter as its row keeps it: text as it is, anything else as JSON. */
export interface ParamCell {
  readonly value: string
  readonly is_json: 0 | 1
}

export function paramCell(value: JsonValue): ParamCell {
  return typeof value === 'string'
    ? { value, is_json: 0 }
    : { value: JSON.stringify(value), is_json: 1 }
}
