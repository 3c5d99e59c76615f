import type { LogPage } from '@gyre/sdk/wire/log'
import type { Context } from '../core/context.ts'
import type { Log } from '../core/log.ts'
import type { Catalog } from './catalog.ts'
import {
  addPieces,
  appendPiece,
  cut,
  HEAD_CHARS,
  placeOf,
  TAIL_CHARS,
  type Piece,
} from './log-pieces.ts'

/** Pieces of a page, of 64 Ki characters each at the most. */
const PAGE_PIECES = 8
/** Output is on the disk, and before whoever follows it, so soon. */
const FLUSH_MS = 250
/** Whoever follows a log looks so often whether its run has ended. */
const POLL_MS = 1_000

/** Where what a run prints goes to; closed once it prints no more. */
export interface RunLogWriter {
  add(text: string): void
  /** Resolves when all of it is on the disk, or cannot be. */
  close(): Promise<void>
}

/** What runs print: the first 256 Ki characters and the last 768 Ki of each, in the catalog. */
export interface RunLogs {
  write(ctx: Context, run: string): RunLogWriter
  /**
   * What a program outside printed after `start` characters; told again it changes nothing, and a gap was left out.
   * Throws NOT_FOUND.
   */
  append(ctx: Context, run: string, piece: Piece): Promise<void>
  /** What was printed after so many characters, a page at a time: the last one is empty. Throws NOT_FOUND. */
  read(ctx: Context, run: string, after: number): Promise<LogPage>
  /** Resolves when there may be more to read, or on `signal`. */
  changed(run: string, signal: AbortSignal): Promise<void>
}

export interface RunLogsDeps {
  readonly catalog: Catalog
  readonly log: Log
}

export function createRunLogs({ catalog, log }: RunLogsDeps): RunLogs {
  /** Runs that this server takes output from, with those who wait for more of it. */
  const writing = new Set<string>()
  const waiters = new Map<string, Set<() => void>>()

  function tell(run: string): void {
    for (const wake of waiters.get(run) ?? []) wake()
  }

  return {
    write(ctx, run) {
      const kept = createKept()
      let [flushing, timer] = [Promise.resolve(), undefined as NodeJS.Timeout | undefined]
      writing.add(run)

      function flush(): Promise<void> {
        clearTimeout(timer)
        timer = undefined
        flushing = flushing.then(writeKept)
        return flushing
      }

      async function writeKept(): Promise<void> {
        const { pieces, tailStart } = kept.take()
        if (pieces.length === 0) return
        await catalog
          .write((tx) => addPieces(tx, ctx, run, pieces, tailStart))
          .catch((error: unknown) => log.warn({ err: error, run }, 'output of a run is lost'))
        tell(run)
      }

      return {
        add(text) {
          kept.add(text)
          timer ??= setTimeout(() => void flush(), FLUSH_MS)
        },
        async close() {
          await flush()
          writing.delete(run)
          tell(run)
        },
      }
    },

    async append(ctx, run, piece) {
      await catalog.write((tx) => appendPiece(tx, ctx, run, piece))
      tell(run)
    },

    async read(ctx, run, after) {
      // Before the pieces: what comes in between is seen then, or on the next page.
      const isWritten = writing.has(run)
      const { seq, status } = await placeOf(catalog.read, ctx, run)
      const rows = await catalog.read
        .selectFrom('run_logs')
        .select(['start', 'text'])
        .where('run', '=', seq)
        .where('start', '>=', (eb) =>
          eb
            .selectFrom('run_logs')
            .select((fn) => fn.fn.coalesce(fn.fn.max('start'), fn.lit(0)).as('start'))
            .where('run', '=', seq)
            .where('start', '<=', after),
        )
        .orderBy('start')
        .limit(PAGE_PIECES)
        .execute()
      const pieces = rows.map((row) => pieceAfter(row, after)).filter(({ text }) => text !== '')
      const last = pieces.at(-1)
      const next = last ? last.start + last.text.length : after
      return { pieces, next, live: pieces.length > 0 || isWritten || status === 'running' }
    },

    async changed(run, signal) {
      if (signal.aborted) return
      const those = waiters.get(run) ?? new Set()
      waiters.set(run, those)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, POLL_MS)
        function done(): void {
          clearTimeout(timer)
          those.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        those.add(done)
        signal.addEventListener('abort', done)
      })
      if (those.size === 0) waiters.delete(run)
    },
  }
}

/** Holds what is to be written next: never more than the head and the tail, however much is printed. */
function createKept() {
  let [total, head, tail] = [0, '', '']
  let headStart = 0
  /** Where pieces of the tail that are written begin and end, oldest first. */
  const written: { readonly start: number; readonly end: number }[] = []

  return {
    add(text: string): void {
      // SQLite ends a text there.
      const clean = text.replaceAll('\0', '\uFFFD')
      const ofHead = Math.max(0, HEAD_CHARS - total)
      total += clean.length
      head += clean.slice(0, ofHead)
      tail += clean.slice(ofHead)
      if (tail.length > 2 * TAIL_CHARS) tail = tail.slice(-TAIL_CHARS)
    },

    /** What is to be written, and where the tail begins that it leaves. */
    take(): { readonly pieces: readonly Piece[]; readonly tailStart: number } {
      const newest = tail.slice(-TAIL_CHARS)
      const ofTail = cut(newest, total - newest.length)
      const pieces = [...cut(head, headStart), ...ofTail]
      headStart += head.length
      ;[head, tail] = ['', '']
      written.push(...ofTail.map(({ start, text }) => ({ start, end: start + text.length })))
      const stay = written.findIndex(({ end }) => end > total - TAIL_CHARS)
      written.splice(0, Math.max(0, stay))
      return { pieces, tailStart: written[0]?.start ?? HEAD_CHARS }
    },
  }
}

/** What of a piece comes after so many characters. */
function pieceAfter({ start, text }: Piece, after: number): Piece {
  return start < after ? { start: after, text: text.slice(after - start) } : { start, text }
}
