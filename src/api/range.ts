import type { ByteRange } from '../store/blobs.ts'

/**
 * What a `Range` header asks of so many bytes. One range is answered; several, and what is none, are passed over
 * and get everything, as RFC 9110 §14.2 lets a server do: thousands of ranges cost nothing.
 */
export function parseRange(
  header: string | undefined,
  bytes: number,
): ByteRange | 'all' | 'unsatisfiable' {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (from === '') {
    if (to === '') return 'all'
    const length = Math.min(Number(to), bytes)
    return length === 0 ? 'unsatisfiable' : { first: bytes - length, last: bytes - 1 }
  }
  if (to !== '' && Number(to) < Number(from)) return 'all'
  if (Number(from) >= bytes) return 'unsatisfiable'
  return { first: Number(from), last: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) }
}
