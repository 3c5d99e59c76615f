import { createHash } from 'node:crypto'

/** `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Digest of a value's canonical JSON (keys sorted, no white space), equal for equal values. */
export function digestOfJson(value: unknown): Digest {
  return digestOf(canonicalJson(value))
}

/** JSON with the keys of every object sorted by code unit; `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isPlainObject(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
