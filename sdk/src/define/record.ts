// Overloads instead of assertions: TypeScript gives the keys of an object, and of what is built from them, as string.

export function keysOf<K extends string>(record: Readonly<Record<K, unknown>>): K[]
export function keysOf(record: object): string[] {
  return Object.keys(record)
}

export function recordOf<K extends string, V>(
  keys: readonly K[],
  valueOf: (key: K) => V,
): Readonly<Record<K, V>>
export function recordOf<V>(
  keys: readonly string[],
  valueOf: (key: string) => V,
): Readonly<Record<string, V>> {
  return Object.fromEntries(keys.map((key) => [key, valueOf(key)]))
}
