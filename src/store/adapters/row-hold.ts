import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { GyreError } from '../../core/errors.ts'
import type { HeldRows, RowFile } from '../rows.ts'
import type { Segment } from './segments.ts'

/** What keeps every stream from writing, for as long as it takes to look at them all. */
export interface Gate {
  /** Resolves when it is open; undefined while it is. */
  held(): Promise<void> | undefined
  /** Throws CONFLICT when it is closed already. */
  close(): void
  open(): void
}

export function createGate(): Gate {
  let closed: { readonly until: Promise<void>; open(): void } | undefined
  return {
    held: () => closed?.until,
    close() {
      if (closed) throw new GyreError('CONFLICT', 'the rows are held by somebody else')
      let open: (() => void) | undefined
      const until = new Promise<void>((resolve) => void (open = resolve))
      closed = { until, open: () => open?.() }
    },
    open() {
      closed?.open()
      closed = undefined
    },
  }
}

export interface HoldDeps {
  /** The rows folder. */
  readonly folder: string
  readonly gate: Gate
  /** Live segments as they stand, by seq. */
  readonly live: ReadonlyMap<number, Segment>
  readonly letGo: () => Promise<void>
}

export function holdRows({ folder, gate, live, letGo }: HoldDeps): HeldRows {
  let isResumed = false

  function resume(): void {
    if (isResumed) return
    isResumed = true
    gate.open()
  }

  return {
    resume,
    async files(db) {
      const rows = await db
        .selectFrom('segments')
        .select(['seq', 'path', 'state', 'bytes'])
        .orderBy('path')
        .execute()
      return rows.map(({ seq, path, state, bytes }) => {
        const end = state === 'live' ? live.get(seq)?.bytes : bytes
        if (end !== undefined) return fileOf(folder, path, end)
        throw new GyreError('INTERNAL', `${path}: nobody knows how much of it counts`)
      })
    },
    async release() {
      resume()
      await letGo()
    },
  }
}

function fileOf(folder: string, path: string, bytes: number): RowFile {
  const read = (): Readable =>
    bytes === 0 ? Readable.from([]) : createReadStream(`${folder}/${path}`, { end: bytes - 1 })
  return { path, bytes, read }
}
