import { RequestError } from '@gyre/sdk/client'
import type { LogPiece } from '@gyre/sdk/wire/log'

/** What a program prints, on its way to the server. Whoever adds never waits. */
export interface LiveLog {
  add(text: string): void
  /** Resolves when all of it is there, or cannot be. */
  close(): Promise<void>
}

/** What is printed is on its way so soon. */
const FLUSH_MS = 250
/** As much as the server takes at once. */
const PIECE_CHARS = 65_536
/** What may wait for a server that is slow or away, as much as it keeps of the end; what is older is left out. */
const MOST_WAITING = 786_432

/** One piece is under way at a time. What could not be sent is sent with what follows; a refusal ends it. */
export function createLiveLog(send: (piece: LogPiece) => Promise<unknown>): LiveLog {
  let [start, waiting] = [0, '']
  let timer: NodeJS.Timeout | undefined
  let sending = Promise.resolve()
  let isRefused = false

  function keepNewest(): void {
    const over = waiting.length - MOST_WAITING
    // By twice as much, so that not every added line copies all that waits.
    if (over < MOST_WAITING) return
    start += over
    waiting = waiting.slice(over)
  }

  async function sendAll(): Promise<void> {
    while (waiting !== '') {
      const piece = { start, text: firstOf(waiting) }
      start += piece.text.length
      waiting = waiting.slice(piece.text.length)
      try {
        await send(piece)
      } catch (thrown) {
        isRefused = !(thrown instanceof RequestError && thrown.code === 'UNAVAILABLE')
        // Where some was left out meanwhile, what could not be sent is older still.
        const isNext = start === piece.start + piece.text.length
        if (isNext) [start, waiting] = [piece.start, piece.text + waiting]
        if (isRefused) waiting = ''
        return
      }
    }
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    sending = sending.then(sendAll)
    return sending
  }

  return {
    add(text) {
      if (isRefused) return
      waiting += text
      keepNewest()
      timer ??= setTimeout(() => void flush(), FLUSH_MS)
    },
    close: flush,
  }
}

/** Not half of a character that takes two. */
function firstOf(text: string): string {
  const code = text.charCodeAt(PIECE_CHARS - 1)
  return text.slice(0, code >= 0xd800 && code < 0xdc00 ? PIECE_CHARS - 1 : PIECE_CHARS)
}
