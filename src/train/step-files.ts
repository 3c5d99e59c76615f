import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { GyreClient } from '@gyre/sdk/client'
import { TREE_MEDIA_TYPE, Tree, type Artifact } from '@gyre/sdk/wire/artifact'
import { DigestText } from '@gyre/sdk/wire/ref'
import type { Digest } from '../core/digest.ts'

/** A step's own copies of what it reads from the server, by digest, under one temporary folder. */
export interface StepFiles {
  /** Path of a blob, fetched once. */
  blob(digest: string): Promise<string>
  /** Path of a folder that holds the files of a tree, or those of them below `under`; fetched once. */
  folder(digest: string, under?: string): Promise<string>
  /** Path of a file, or of a folder. */
  artifact(artifact: Artifact): Promise<string>
  putBytes(bytes: Uint8Array, mediaType: string): Promise<Stored>
  /** Stores a file without reading it into memory. */
  putFile(path: string): Promise<Stored>
  /** Stores files, bytes or the path where they lie, as one tree. */
  putFolder(files: Readonly<Record<string, Uint8Array | string>>): Promise<Stored>
}

export interface Stored {
  readonly digest: Digest
  readonly bytes: number
  readonly mediaType: string
}

export function createStepFiles(client: GyreClient, folder: string): StepFiles {
  const blob = once(async (digest: string) => {
    const path = join(folder, 'blobs', digest.replace(':', '-'))
    await fetchTo(client, digest, path)
    return path
  })

  async function putBytes(bytes: Uint8Array, mediaType: string): Promise<Stored> {
    const digest = DigestText.parse(await client.putBytes(bytes))
    return { digest, bytes: bytes.byteLength, mediaType }
  }

  async function putFile(path: string): Promise<Stored> {
    const digest = DigestText.parse(await client.putFile(path))
    return { digest, bytes: (await stat(path)).size, mediaType: 'application/octet-stream' }
  }

  const openFolder = once(async (digest: string, under = '') => {
    const tree = Tree.parse(JSON.parse(await readFile(await blob(digest), 'utf8')))
    const root = join(folder, 'trees', digest.replace(':', '-'))
    const wanted = tree.entries.filter(({ path }) => path.startsWith(under))
    await Promise.all(
      wanted.map(({ path, artifact }) => fetchTo(client, artifact.digest, join(root, path))),
    )
    return root
  })

  return {
    blob,
    folder: openFolder,
    artifact: ({ digest, mediaType }) =>
      mediaType === TREE_MEDIA_TYPE ? openFolder(digest) : blob(digest),
    putBytes,
    putFile,
    async putFolder(files) {
      const entries = []
      for (const [path, file] of Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        const stored =
          typeof file === 'string' ? putFile(file) : putBytes(file, 'application/octet-stream')
        entries.push({ path, artifact: await stored })
      }
      return putBytes(Buffer.from(JSON.stringify({ entries })), TREE_MEDIA_TYPE)
    },
  }
}

/** Fetches what the arguments name once; what could not be fetched is fetched again. */
function once<A extends readonly string[]>(
  fetch: (...names: A) => Promise<string>,
): (...names: A) => Promise<string> {
  const fetched = new Map<string, Promise<string>>()
  return async (...names) => {
    const key = names.join('\n')
    const path = fetched.get(key) ?? fetch(...names)
    fetched.set(key, path)
    try {
      return await path
    } catch (thrown) {
      fetched.delete(key)
      throw thrown
    }
  }
}

async function fetchTo(client: GyreClient, digest: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const partial = `${path}.part`
  await pipeline(await client.download(`/api/v1/blobs/${digest}`), createWriteStream(partial))
  await rename(partial, path)
}
