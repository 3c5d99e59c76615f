import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { silentLog } from '../core/log.ts'
import type { Context } from '../core/context.ts'
import { fakeClock, type FakeClock } from '../core/clock.ts'
import type { Digest } from '../core/digest.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import { createUpkeep, type Upkeep } from './upkeep.ts'
import type { AbandonedUploads } from './gc.ts'
import { TAR_END, tarHeader, tarPadding } from './tar.ts'

export const CTX: Context = { project: 'default', actor: 'ann', requestId: 'test' }

export interface Depot extends AsyncDisposable {
  readonly store: TempStore
  readonly clock: FakeClock
  readonly upkeep: Upkeep
  /** Stores a text as the file of a run; gives its digest. */
  addFile(run: string, path: string, text: string): Promise<Digest>
  /** Adds a row to the stream `notes`. */
  note(text: string): Promise<void>
  /** A whole backup. */
  backup(): Promise<Buffer>
}

const nothing = async () => ({ files: 0, bytes: 0 })

/** Nobody sends anything in parts here. */
export const NO_UPLOADS: AbandonedUploads = { find: nothing, drop: nothing }

/** The upkeep room over a real store. */
export async function openDepot(): Promise<Depot> {
  const clock = fakeClock()
  const store = await openTempStore(clock)
  const upkeep = createUpkeep({
    ...store,
    clock,
    log: silentLog,
    version: '0.0.1',
    uploads: NO_UPLOADS,
  })
  const { catalog, blobs, rows } = store
  return {
    store,
    clock,
    upkeep,
    async addFile(run, path, text) {
      const { digest, bytes, mediaType: media_type } = await blobs.put(Buffer.from(text))
      const row = { project: CTX.project, root: `run:${run}`, path, digest, bytes, media_type }
      await catalog.write(async (tx) => {
        await tx
          .insertInto('artifact_files')
          .values({ ...row, at_ms: clock.now().getTime() })
          .execute()
      })
      return digest
    },
    note: (text) =>
      rows
        .stream('notes', { durability: 'fsync', columns: { text: 'VARCHAR' } })
        .append([{ text }]),
    backup: async () => Buffer.concat(await (await upkeep.backup(CTX)).toArray()),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** In pieces that end nowhere in particular. */
export function inPieces(bytes: Buffer, size = 65_521): Readable {
  const count = Math.ceil(bytes.length / size)
  return Readable.from(
    Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size)),
  )
}

/** Files one after the other, as a backup has them. */
export function tarOf(...files: readonly (readonly [path: string, text: string])[]): Buffer {
  const parts = files.flatMap(([path, text]) => {
    const bytes = Buffer.from(text)
    return [tarHeader(path, bytes.length), bytes, tarPadding(bytes.length)]
  })
  return Buffer.concat([...parts, TAR_END])
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** A backup of these files with a manifest that lists them all, whatever they are. */
export function backupOf(
  head: string,
  ...files: readonly (readonly [path: string, text: string])[]
): Buffer {
  const line = ([path, text]: readonly [string, string]) => {
    const bytes = Buffer.byteLength(text)
    return `{"path":${JSON.stringify(path)},"bytes":${bytes},"digest":"sha256:${sha256(text)}"}\n`
  }
  const listed = head + files.map(line).join('')
  const bytes = files.reduce((sum, [, text]) => sum + Buffer.byteLength(text), 0)
  const end = `{"members":${files.length},"bytes":${bytes},"digest":"sha256:${sha256(listed)}"}\n`
  return tarOf(['backup.json', head], ...files, ['manifest.jsonl', listed + end])
}
