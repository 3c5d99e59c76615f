import { encodePoints, type ChunkPoint } from '../../store/metric-chunks.ts'

/**
 * Points without those that came before already. As long as their times do not fall, only those of one time are
 * remembered; `again` begins from the start for a history in which they do. Memory then: 100 bytes a point.
 */
export async function* distinct(
  again: () => AsyncIterable<ChunkPoint>,
  onRepeat: () => void,
): AsyncGenerator<ChunkPoint> {
  let isOrdered = true
  let last: ChunkPoint['atMs'] | undefined
  for await (const { atMs } of again()) {
    if (last !== undefined && atMs < last) {
      isOrdered = false
      break
    }
    last = atMs
  }
  const seen = new Set<string>()
  last = undefined
  for await (const point of again()) {
    if (isOrdered && point.atMs !== last) seen.clear()
    last = point.atMs
    const bytes = Buffer.from(encodePoints([point])).toString('latin1')
    if (seen.has(bytes)) onRepeat()
    else {
      seen.add(bytes)
      yield point
    }
  }
}
