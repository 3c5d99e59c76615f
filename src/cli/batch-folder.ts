import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { RequestError, type GyreClient } from '@gyre/sdk/client'
import { BatchColumn, BatchShard, type Batch } from '@gyre/sdk/wire/batch'
import { z } from 'zod'
import { errnoOf, GyreError } from '../core/errors.ts'

const MANIFEST = '_manifest.json'

/** What a folder of answers holds, in the order of the rows; written last, so that a folder with one is whole. */
const BatchManifest = z.strictObject({
  batch: z.string(),
  endpoint: z.string(),
  model: z.string(),
  input: z.strictObject({ name: z.string(), digest: z.string(), format: z.string() }),
  rows: z.int(),
  failedRows: z.int(),
  columns: z.array(BatchColumn),
  shards: z.array(BatchShard.extend({ file: z.string() })),
})
export type BatchManifest = z.infer<typeof BatchManifest>

/** A folder on this machine that the answers of one batch are brought to. */
export interface BatchFolder {
  /** Brings every finished shard that is not here yet, each whole or not at all. */
  bring(client: GyreClient, batch: Pick<Batch, 'id' | 'shards'>): Promise<void>
  finish(batch: Batch): Promise<BatchManifest>
}

/**
 * Opens or makes the folder. Throws INVALID_ARGUMENT naming `out` where it holds something else; the beginning of the
 * same batch may be there only where `id` says which.
 */
export async function openBatchFolder(path: string, id?: string): Promise<BatchFolder> {
  await mkdir(path, { recursive: true }).catch((cause: unknown) => {
    throw refused(`${path} cannot be made (${errnoOf(cause)})`, cause)
  })
  const found = (await readdir(path)).filter((name) => !/^\.part-\d+/.test(name))
  const strange = found.find((name) => id === undefined || !/^part-\d+\.parquet$/.test(name))
  if (strange !== undefined && (strange !== MANIFEST || (await ownerOf(path)) !== id))
    throw refused(`${path} holds ${strange} already; name a folder that is empty or absent`)
  const here: (BatchShard & { readonly file: string })[] = []

  async function bringOne(client: GyreClient, shard: BatchShard): Promise<void> {
    const file = `part-${String(shard.shard).padStart(5, '0')}.parquet`
    const target = join(path, file)
    if ((await digestAt(target)) !== shard.digest) {
      const temp = join(path, `.${file}`)
      await download(client, shard.digest, temp)
      await rename(temp, target)
    }
    here.push({ ...shard, file })
  }

  return {
    async bring(client, batch) {
      while (here.length < batch.shards) {
        const after = here.at(-1)?.shard ?? -1
        const shape = z.strictObject({ shards: z.array(BatchShard) })
        const url = `/api/v1/batches/${encodeURIComponent(batch.id)}/shards?after=${after}`
        for (const shard of (await client.get(url, shape)).shards) await bringOne(client, shard)
      }
    },

    async finish({ id: batch, endpoint, model, input, rows, failedRows, columns }) {
      const manifest: BatchManifest = {
        batch,
        endpoint,
        model,
        input,
        rows: rows ?? 0,
        failedRows,
        columns: columns ?? [],
        shards: here,
      }
      const temp = join(path, `.part-0-${MANIFEST}`)
      await writeFile(temp, `${JSON.stringify(manifest, null, 2)}\n`)
      await rename(temp, join(path, MANIFEST))
      return manifest
    },
  }
}

async function ownerOf(path: string): Promise<string | undefined> {
  const text = await readFile(join(path, MANIFEST), 'utf8')
  const parsed = BatchManifest.safeParse(JSON.parse(text))
  return parsed.success ? parsed.data.batch : undefined
}

/** Undefined where there is no file. */
async function digestAt(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw thrown
  }
  return `sha256:${hash.digest('hex')}`
}

/** Throws RequestError UNAVAILABLE where the bytes end too soon: the server may be starting anew. */
async function download(client: GyreClient, digest: string, path: string): Promise<void> {
  const hash = createHash('sha256')
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  const bytes = await client.download(`/api/v1/blobs/${digest}`)
  let cut: unknown
  bytes.once('error', (thrown) => (cut = thrown))
  await pipeline(bytes, hashing, createWriteStream(path)).catch((thrown: unknown) => {
    if (cut === undefined) throw thrown
  })
  if (cut === undefined && `sha256:${hash.digest('hex')}` === digest) return
  throw new RequestError('UNAVAILABLE', 0, `${digest} did not arrive whole`, {})
}

function refused(message: string, cause?: unknown): GyreError {
  return new GyreError('INVALID_ARGUMENT', `--out: ${message}`, { field: 'out' }, cause)
}
