import { GyreError, toGyreError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import type { Analytics } from '../analytics.ts'
import type { Files } from '../files.ts'
import type { RowStream, StreamOptions } from '../rows.ts'
import { createEncode } from './row-encode.ts'
import { copyToParquet, selectSegments } from './segment-sql.ts'
import type { FileLeases } from './file-leases.ts'
import { createSegmentWriter } from './segment-writer.ts'
import type { Segment, Segments } from './segments.ts'

const DEFAULT_ROLL_BYTES = 64 * 1024 * 1024
const DEFAULT_ROLL_ROWS = 500_000

/** A deferred row is on the disk within a second: half of it may pass before the write begins. */
const DEFER_MS = 500

/** Lines waiting for the disk, a stream: seconds of traffic at the rate one process can serve. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024

export interface RowStreamDeps {
  readonly segments: Segments
  readonly files: Files
  readonly analytics: Analytics
  readonly log: Log
  readonly leases: FileLeases
  /** What writing waits for before each turn; undefined while it may go on. */
  readonly held: () => Promise<void> | undefined
  /** The stream's segments as recovered. */
  readonly recovered: readonly Segment[]
}

export interface ManagedStream extends RowStream {
  readonly options: StreamOptions
  roll(): Promise<void>
  /** The live segment once the turn under way has ended. */
  atRest(): Promise<Segment | undefined>
  close(): Promise<void>
}

interface Waiting {
  readonly lines: Buffer
  readonly rows: number
  resolve(): void
  reject(error: GyreError): void
}

export function createRowStream(
  name: string,
  options: StreamOptions,
  { segments, files, analytics, log, leases, held, recovered }: RowStreamDeps,
): ManagedStream {
  const { durability, columns } = options
  const rollBytes = options.rollBytes ?? DEFAULT_ROLL_BYTES
  const rollRows = options.rollRows ?? DEFAULT_ROLL_ROWS
  const encode = createEncode(columns)
  const writer = createSegmentWriter(
    name,
    segments,
    files,
    recovered.find((segment) => segment.state === 'live'),
    (sealed) => {
      closed.set(sealed.seq, sealed)
      convertLater(sealed)
    },
  )
  /** All segments but the live one, by seq. */
  const closed = new Map<number, Segment>()
  for (const segment of recovered) if (segment.state !== 'live') closed.set(segment.seq, segment)
  let waiting: Waiting[] = []
  let bufferedBytes = 0
  let droppedRows = 0
  let timer: NodeJS.Timeout | undefined
  let sealAsked = false
  let ended = false
  let draining: Promise<void> | undefined
  let turn: Promise<void> | undefined
  let converting: Promise<void> = Promise.resolve()

  async function drain(): Promise<void> {
    while (waiting.length > 0 || sealAsked) {
      // Asked and begun in one go: whoever holds the rows sees either no turn or this one.
      for (let hold = held(); hold; hold = held()) await hold
      turn = writeTurn()
      await turn
    }
    draining = undefined
  }

  async function writeTurn(): Promise<void> {
    await writeWaiting()
    const live = writer.live()
    if (!sealAsked && (!live || (live.bytes < rollBytes && live.rows < rollRows))) return
    sealAsked = false
    await seal()
  }

  /** Everything waiting goes to the disk in one write and one fsync: the group commit of rows. */
  async function writeWaiting(): Promise<void> {
    const batch = waiting
    waiting = []
    bufferedBytes = 0
    const lines = Buffer.concat(batch.map((entry) => entry.lines))
    const rows = batch.reduce((sum, entry) => sum + entry.rows, 0)
    try {
      if (rows > 0) await writer.write(lines, rows)
      for (const entry of batch) entry.resolve()
    } catch (error) {
      for (const entry of batch) entry.reject(toGyreError(error))
    }
  }

  function startDrain(): void {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length > 0 || sealAsked) draining ??= drain()
  }

  async function seal(): Promise<void> {
    try {
      await writer.seal()
    } catch (error) {
      log.warn({ stream: name, error }, 'a segment could not be sealed; it grows on')
    }
  }

  function convertLater(sealed: Segment): void {
    converting = converting
      .then(() => convert(sealed))
      .catch((error: unknown) => {
        log.warn({ stream: name, error }, 'a segment stays NDJSON until the next start')
      })
  }

  async function convert(sealed: Segment): Promise<void> {
    const tempPath = segments.tempPath(sealed)
    await files.remove(tempPath)
    const [copied] = await analytics.query(copyToParquet(sealed.path, tempPath, columns))
    const count = Number(copied?.['Count'])
    if (count !== sealed.rows)
      throw new GyreError('INTERNAL', `${sealed.path}: ${sealed.rows} rows became ${count}`)
    closed.set(sealed.seq, await segments.replace(sealed, tempPath))
    await leases.retire(sealed.path)
  }

  function push(rows: readonly object[]): Promise<void> {
    if (ended) throw new GyreError('UNAVAILABLE', `the stream ${name} is closed`)
    const lines = encode(rows)
    if (bufferedBytes + lines.byteLength > MAX_BUFFERED_BYTES) {
      if (durability === 'fsync')
        throw new GyreError('OVERLOADED', `${name}: ${bufferedBytes} bytes wait for the disk`)
      droppedRows += rows.length
      return Promise.resolve()
    }
    bufferedBytes += lines.byteLength
    if (durability === 'fsync')
      return new Promise((resolve, reject) => {
        waiting.push({ lines, rows: rows.length, resolve, reject })
        startDrain()
      })
    const reject = () => void (droppedRows += rows.length)
    waiting.push({ lines, rows: rows.length, resolve: () => {}, reject })
    timer ??= setTimeout(startDrain, DEFER_MS)
    return Promise.resolve()
  }

  /** An entry without lines: done when everything before it is. */
  async function flush(): Promise<void> {
    if (waiting.length === 0 && !draining) return
    await new Promise<void>((resolve, reject) => {
      waiting.push({ lines: Buffer.alloc(0), rows: 0, resolve, reject })
      startDrain()
    })
  }

  for (const segment of closed.values()) if (segment.state === 'sealed') convertLater(segment)

  return {
    name,
    options,
    append: async (rows) => (rows.length === 0 ? undefined : push(rows)),
    dropped: () => droppedRows,
    flush,
    async sql() {
      // Rows the disk refused were rejected or counted as dropped: they are nobody's to read.
      await flush().catch(() => {})
      const live = writer.live()
      const all = live ? [...closed.values(), live] : [...closed.values()]
      const pathsOf = (isParquet: boolean) =>
        all.filter(({ state }) => (state === 'parquet') === isParquet).map(({ path }) => path)
      const release = leases.take(all.map(({ path }) => path))
      return { sql: selectSegments(pathsOf(true), pathsOf(false), columns), release }
    },
    async atRest() {
      await turn
      return writer.live()
    },
    async roll() {
      await flush()
      sealAsked = true
      startDrain()
      await draining
      await converting
    },
    async close() {
      ended = true
      await flush().catch(() => {})
      await draining
      await converting
      await writer.close()
    },
  }
}
