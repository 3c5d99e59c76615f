import { createReadStream } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Clock } from '../../core/clock.ts'
import type { NewId } from '../../core/id.ts'
import type { Log } from '../../core/log.ts'
import type { Catalog } from '../catalog.ts'
import type { Files, WritableFile } from '../files.ts'
import { BATCH_END, ROW_END } from './row-encode.ts'

/** One file of a stream, as the catalog names it. */
export interface Segment {
  readonly seq: number
  readonly stream: string
  /** Absolute. */
  readonly path: string
  readonly state: 'live' | 'sealed' | 'parquet'
  readonly rows: number
  readonly bytes: number
}

export interface SegmentsDeps {
  readonly folder: string
  readonly catalog: Catalog
  readonly files: Files
  readonly clock: Clock
  readonly newId: NewId
  readonly log: Log
}

/** The manifest: which files exist. Each verb is one commit, made after the file it names is on the disk. */
export interface Segments {
  /** Every segment after a crash or a clean end: files no row names are gone, torn batches are cut. */
  recover(): Promise<readonly Segment[]>
  /** A new empty NDJSON file, named by the catalog. */
  create(stream: string): Promise<{ segment: Segment; file: WritableFile }>
  /** Its writer has moved on: `segment` holds this many rows and bytes for ever. */
  seal(segment: Segment, rows: number, bytes: number): Promise<Segment>
  /** Puts the Parquet file at `tempPath` in the place of a sealed segment; its NDJSON file stays for the caller to remove. */
  replace(segment: Segment, tempPath: string): Promise<Segment>
  tempPath(segment: Segment): string
}

export function createSegments(deps: SegmentsDeps): Segments {
  const { folder, catalog, files, clock, newId, log } = deps
  const stored = (path: string) => path.slice(folder.length + 1)

  async function sweepOrphans(named: ReadonlySet<string>): Promise<void> {
    for (const stream of await files.list(folder))
      for (const name of await files.list(join(folder, stream))) {
        const path = join(folder, stream, name)
        if (!named.has(path)) await files.remove(path)
      }
  }

  async function repair(segment: Segment): Promise<Segment | undefined> {
    const size = await files.sizeOf(segment.path)
    if (size === undefined) {
      log.error({ path: segment.path }, 'a segment file is gone: its rows are lost')
      await catalog.write((tx) =>
        tx.deleteFrom('segments').where('seq', '=', segment.seq).execute(),
      )
      return undefined
    }
    if (segment.state === 'parquet') return segment
    const { rows, bytes } = await measure(segment.path)
    if (bytes < size) await truncate(files, segment.path, bytes)
    return { ...segment, rows, bytes }
  }

  return {
    async recover() {
      await files.makeFolder(folder)
      const rows = await catalog.read
        .selectFrom('segments')
        .select(['seq', 'stream', 'path', 'state', 'rows', 'bytes'])
        .orderBy('seq')
        .execute()
      const segments = rows.map((row) => ({ ...row, path: join(folder, row.path) }))
      await sweepOrphans(new Set(segments.map((segment) => segment.path)))
      const repaired = await Promise.all(segments.map(repair))
      return repaired.filter((segment) => segment !== undefined)
    },

    async create(stream) {
      const path = join(folder, stream, `${newId('seg')}.ndjson`)
      await files.makeFolder(dirname(path))
      await files.syncFolder(folder)
      const file = await files.create(path)
      try {
        await files.syncFolder(dirname(path))
        const row = { stream, path: stored(path), state: 'live', rows: 0, bytes: 0 } as const
        const created_at = clock.now().toISOString()
        const { seq } = await catalog.write((tx) =>
          tx
            .insertInto('segments')
            .values({ ...row, created_at })
            .returning('seq')
            .executeTakeFirstOrThrow(),
        )
        return { segment: { ...row, path, seq }, file }
      } catch (error) {
        await file.close()
        await files.remove(path)
        throw error
      }
    },

    async seal(segment, rows, bytes) {
      const change = { state: 'sealed', rows, bytes } as const
      await catalog.write((tx) =>
        tx.updateTable('segments').set(change).where('seq', '=', segment.seq).execute(),
      )
      return { ...segment, ...change }
    },

    tempPath: ({ path }) => join(dirname(path), `${basename(path, '.ndjson')}.tmp`),

    async replace(segment, tempPath) {
      const path = join(dirname(segment.path), `${basename(segment.path, '.ndjson')}.parquet`)
      await files.sync(tempPath)
      await files.rename(tempPath, path)
      await files.syncFolder(dirname(path))
      const change = { state: 'parquet', bytes: (await files.sizeOf(path)) ?? 0 } as const
      await catalog.write((tx) =>
        tx
          .updateTable('segments')
          .set({ ...change, path: stored(path), rows: segment.rows })
          .where('seq', '=', segment.seq)
          .execute(),
      )
      return { ...segment, ...change, path }
    },
  }
}

const LINE_FEED = 10
const [ROW_BYTES, BATCH_BYTES] = [Buffer.from(ROW_END), Buffer.from(BATCH_END)]

/** The marked lines of whole batches, and the bytes up to the end of the last batch. */
async function measure(path: string): Promise<{ rows: number; bytes: number }> {
  let [rows, bytes, seen, unended] = [0, 0, 0, 0]
  let tail = Buffer.alloc(0)
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    const text = Buffer.concat([tail, chunk])
    const offset = seen - tail.length
    for (let at = text.indexOf(LINE_FEED, tail.length); at >= 0;) {
      const mark = text.subarray(Math.max(0, at - BATCH_END.length), at)
      if (mark.equals(ROW_BYTES)) unended += 1
      else if (mark.equals(BATCH_BYTES)) {
        rows += unended + 1
        unended = 0
        bytes = offset + at + 1
      }
      at = text.indexOf(LINE_FEED, at + 1)
    }
    seen = offset + text.length
    tail = text.subarray(-BATCH_END.length)
  }
  return { rows, bytes }
}

async function truncate(files: Files, path: string, sizeBytes: number): Promise<void> {
  const file = await files.append(path)
  try {
    await file.truncate(sizeBytes)
    await file.datasync()
  } finally {
    await file.close()
  }
}
