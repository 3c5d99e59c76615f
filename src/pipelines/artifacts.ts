import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { RunRef } from '@gyre/sdk/wire/run'

/** Every artifact named in a step's inputs or outputs, in the role of the path at which it stands (`best.model`). */
export function artifactsIn(value: JsonValue | Readonly<Record<string, JsonValue>>): RunRef[] {
  return found(value, '')
}

function found(value: JsonValue | Readonly<Record<string, JsonValue>>, path: string): RunRef[] {
  if (typeof value !== 'object' || value === null) return []
  const members = Object.entries(value)
  const digest = members.find(([key, inner]) => key === 'digest' && typeof inner === 'string')?.[1]
  if (typeof digest === 'string')
    return [{ ref: `artifact:${digest}`, role: path || 'output', digest }]
  return members.flatMap(([key, inner]) => found(inner, path === '' ? key : `${path}.${key}`))
}
