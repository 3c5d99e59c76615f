import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { digestOf, type Digest } from '../core/digest.ts'
import { errnoOf, GyreError } from '../core/errors.ts'
import type { NewId } from '../core/id.ts'
import type { Blobs } from '../store/blobs.ts'

export interface BundleFolders {
  /** The folder that holds the bundle's files; unpacked on first demand. Throws NOT_FOUND. */
  folder(digest: Digest): Promise<string>
}

/** Node wants a real folder to import from; a bundle's lies under its digest and is never changed. */
export function createBundleFolders(
  root: string,
  { blobs, newId }: { readonly blobs: Blobs; readonly newId: NewId },
): BundleFolders {
  const underWay = new Map<Digest, Promise<string>>()
  let swept: Promise<void> | undefined

  async function unpack(digest: Digest): Promise<string> {
    swept ??= sweep(root)
    await swept
    const target = join(root, digest.replace('sha256:', ''))
    if (await isThere(target)) return target
    const temp = join(root, `.${newId('unpack')}`)
    try {
      await writeTree(temp, digest, blobs)
      await renameOnce(temp, target)
    } finally {
      await rm(temp, { recursive: true, force: true })
    }
    return target
  }

  return {
    folder(digest) {
      const known = underWay.get(digest)
      if (known) return known
      const started = unpack(digest).finally(() => underWay.delete(digest))
      underWay.set(digest, started)
      return started
    },
  }
}

/** Removes what a process that died while unpacking has left. */
async function sweep(root: string): Promise<void> {
  await mkdir(root, { recursive: true })
  for (const name of await readdir(root))
    if (name.startsWith('.')) await rm(join(root, name), { recursive: true, force: true })
}

/** The renamed folder is trusted ever after, so its files must be on the disk before it has its name. */
async function writeTree(folder: string, digest: Digest, blobs: Blobs): Promise<void> {
  const { entries } = await blobs.readTree(digest)
  await mkdir(folder, { recursive: true })
  for (const { path, artifact } of entries) {
    const bytes = await blobs.read(artifact.digest)
    if (digestOf(bytes) !== artifact.digest)
      throw new GyreError('INTERNAL', `${path} of bundle ${digest} is damaged in the blob store`, {
        path,
        expected: artifact.digest,
      })
    await mkdir(dirname(join(folder, path)), { recursive: true })
    const file = await open(join(folder, path), 'wx')
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
  }
}

/** Another process may have been faster; its folder holds the same files. */
async function renameOnce(temp: string, target: string): Promise<void> {
  try {
    await rename(temp, target)
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOTEMPTY' && errnoOf(thrown) !== 'EEXIST') throw thrown
  }
}

async function isThere(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length > 0
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false
    throw thrown
  }
}
