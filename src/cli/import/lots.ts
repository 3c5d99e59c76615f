/** Half of what a request may have unless the server is told otherwise (`maxBodyBytes`). */
export const LOT_BYTES = 500_000

const LOT_ITEMS = 500

/** Items in lots that fit one request; one that is larger comes alone. */
export async function* inLots<T>(
  items: AsyncIterable<T>,
  bytesOf: (item: T) => number = bytesOfJson,
): AsyncGenerator<readonly T[]> {
  let lot: T[] = []
  let bytes = 0
  for await (const item of items) {
    const more = bytesOf(item)
    if (lot.length > 0 && (bytes + more > LOT_BYTES || lot.length === LOT_ITEMS)) {
      yield lot
      lot = []
      bytes = 0
    }
    lot.push(item)
    bytes += more
  }
  if (lot.length > 0) yield lot
}

/** How many bytes a value takes in a request. */
export function bytesOfJson(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value)) + 1
}

/** Parts in chunks that fit one request each. */
export function* chunksOf<T>(parts: readonly T[]): Generator<T[]> {
  let chunk: T[] = []
  let bytes = 0
  for (const part of parts) {
    const more = bytesOfJson(part)
    if (chunk.length > 0 && bytes + more > LOT_BYTES) {
      yield chunk
      chunk = []
      bytes = 0
    }
    chunk.push(part)
    bytes += more
  }
  if (chunk.length > 0) yield chunk
}
