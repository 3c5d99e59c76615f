import type { Readable } from 'node:stream'

/** Enough to explain a failure. */
const MAX_LINES = 40
/** A program may print without ever ending a line. */
const MAX_CHARS = 16_384

/** The last that a process printed, in the order it came. */
export interface OutputTail {
  add(text: string): void
  /** The last 40 lines, of 16 Ki characters at most. */
  lines(): string
}

/** `output` is given all of it. */
export function createTail(
  streams: readonly (Readable | null)[],
  output?: (text: string) => void,
): OutputTail {
  let kept = ''
  const add = (text: string): void => {
    kept = (kept + text).slice(-MAX_CHARS)
    output?.(text)
  }
  for (const stream of streams) stream?.setEncoding('utf8').on('data', add)
  return { add, lines: () => kept.trimEnd().split('\n').slice(-MAX_LINES).join('\n') }
}
