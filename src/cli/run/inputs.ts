import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { GyreClient } from '@gyre/sdk/client'
import { DatasetVersion } from '@gyre/sdk/wire/dataset'
import type { RunRef } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { refused } from './job.ts'
import type { RunRequest } from './request.ts'

/** What a program reads, found. */
export interface RunInputs {
  /** As the run keeps them: the name is the role, a file's ref is `file:PATH` as it was told. */
  readonly refs: readonly RunRef[]
  /** The words that were told, datasets with their version: the same words are the same bytes again. */
  readonly pinned: ReadonlyMap<string, string>
  /** `GYRE_INPUTS`: a file of JSON, name → `{ path, ref, digest }`; nothing without inputs. */
  readonly variables: Readonly<Record<string, string>>
}

/** Throws INVALID_ARGUMENT naming the input for a file that is none, NOT_FOUND for a dataset that is not there. */
export async function findInputs(
  client: GyreClient,
  { folder, inputs }: Pick<RunRequest, 'folder' | 'inputs'>,
  temp: string,
): Promise<RunInputs> {
  const found: Record<string, Found> = {}
  for (const [name, text] of inputs)
    found[name] = text.startsWith('dataset:')
      ? await datasetOf(client, name, text, temp)
      : await fileAt(name, text, folder)
  const listed = Object.entries(found)
  const path = join(temp, 'inputs.json')
  if (listed.length > 0) await writeFile(path, JSON.stringify(found))
  return {
    refs: listed.map(([role, { ref, digest }]) => ({ ref, role, digest })),
    pinned: new Map(listed.map(([name, { told }]) => [name, told])),
    variables: listed.length > 0 ? { GYRE_INPUTS: path } : {},
  }
}

interface Found {
  readonly path: string
  readonly ref: string
  readonly digest: string
  /** What would find the same again. */
  readonly told: string
}

async function fileAt(name: string, told: string, folder: string): Promise<Found> {
  const path = resolve(folder, told)
  const file = await stat(path).catch(() => undefined)
  if (!file) throw refused('input', `${name}: no such file: ${told} (looked for ${path})`)
  if (!file.isFile()) throw refused('input', `${name}: expected a file, got a folder: ${told}`)
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return { path, ref: `file:${told}`, digest: `sha256:${hash.digest('hex')}`, told }
}

const Versions = z.strictObject({ versions: z.array(DatasetVersion) })

/** Its rows as a file of Parquet; the newest version unless one is named. */
async function datasetOf(
  client: GyreClient,
  name: string,
  told: string,
  temp: string,
): Promise<Found> {
  const [, dataset = '', wanted] = /^dataset:([^@]+)(?:@(.+))?$/.exec(told) ?? []
  if (dataset === '')
    throw refused('input', `${name}: expected dataset:NAME or dataset:NAME@VERSION, got ${told}`)
  const path = `/api/v1/datasets?name=${encodeURIComponent(dataset)}`
  const { versions } = await client.get(path, Versions)
  const version = versions.find((each) => wanted === undefined || each.version === wanted)
  if (!version)
    throw new GyreError('NOT_FOUND', `input: ${name}: no ${told} on the server`, { field: 'input' })
  const { ref, digest } = version
  const file = join(temp, `input-${name}.parquet`)
  await pipeline(await client.download(`/api/v1/blobs/${digest}`), createWriteStream(file))
  return { path: file, ref, digest, told: ref }
}
