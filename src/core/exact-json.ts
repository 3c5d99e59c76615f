/**
 * JSON that keeps what `JSON.stringify` does not: a bigint is written with all its digits and −0 as `-0.0`. For
 * plain values without NaN and the infinities; members that are undefined are left out.
 */
export function exactJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (Object.is(value, -0)) return '-0.0'
  if (Array.isArray(value)) return `[${value.map(exactJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return `{${members.map(([key, inner]) => `${JSON.stringify(key)}:${exactJson(inner)}`).join(',')}}`
}

/** True for a text that is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
