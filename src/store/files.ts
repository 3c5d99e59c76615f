import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { errnoOf } from '../core/errors.ts'

/** An open file, written front to back. */
export interface WritableFile {
  /** Resolves when all of `bytes` are with the operating system. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when what was written is on the disk. */
  datasync(): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  close(): Promise<void>
}

/**
 * The part of the file system that durability hangs on, as an argument: a test puts in one that records the
 * order of its calls, is full, or tears a write.
 */
export interface Files {
  /** A new file; fails with EEXIST when there is one. */
  create(path: string): Promise<WritableFile>
  /** An existing file, written from its end. */
  append(path: string): Promise<WritableFile>
  /** A file, new or not, written from a place on; what lies behind what is written stays. */
  writeFrom(path: string, offset: number): Promise<WritableFile>
  /** Puts the bytes of a file that another program wrote on the disk. */
  sync(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Puts a folder's names on the disk: without it a new name may be gone after a power cut. */
  syncFolder(path: string): Promise<void>
  /** Removes a file or a folder, if it is there. */
  remove(path: string): Promise<void>
  makeFolder(path: string): Promise<void>
  list(path: string): Promise<readonly string[]>
  /** Bytes, or undefined when there is no such file. */
  sizeOf(path: string): Promise<number | undefined>
  /** Undefined when there is no such file. */
  statOf(path: string): Promise<FileStat | undefined>
  /** Says when an existing file was last used. */
  touch(path: string, at: Date): Promise<void>
  /** Bytes that this program may still put on the disk that the folder is on. */
  freeBytes(folder: string): Promise<number>
}

export interface FileStat {
  readonly bytes: number
  /** When it was written, or touched. */
  readonly usedAt: Date
}

export const nodeFiles: Files = {
  create: (path) => openFile(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL),
  append: (path) => openFile(path, constants.O_WRONLY | constants.O_APPEND),
  writeFrom: (path, offset) => openFile(path, constants.O_WRONLY | constants.O_CREAT, offset),
  async sync(path) {
    await using handle = await open(path, 'r+')
    await handle.datasync()
  },
  rename,
  async syncFolder(path) {
    // Windows opens no folder and needs no such step.
    if (process.platform === 'win32') return
    await using handle = await open(path, 'r')
    await handle.sync()
  },
  remove: (path) => rm(path, { force: true, recursive: true }),
  async makeFolder(path) {
    await mkdir(path, { recursive: true })
  },
  list: (path) => readdir(path),
  sizeOf: async (path) => (await statOf(path))?.bytes,
  statOf,
  touch: (path, at) => utimes(path, at, at),
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  },
}

async function statOf(path: string): Promise<FileStat | undefined> {
  try {
    const { size, mtime } = await stat(path)
    return { bytes: size, usedAt: mtime }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Writes from the end of the file on, or from its beginning, as the flags say; from `offset` when it is given. */
async function openFile(path: string, flags: number, offset?: number): Promise<WritableFile> {
  const handle = await open(path, flags, 0o640)
  let place = offset ?? null
  return {
    async write(bytes) {
      let rest = bytes
      while (rest.byteLength > 0) {
        const { bytesWritten } = await handle.write(rest, 0, rest.byteLength, place)
        if (place !== null) place += bytesWritten
        rest = rest.subarray(bytesWritten)
      }
    },
    datasync: () => handle.datasync(),
    truncate: (sizeBytes) => handle.truncate(sizeBytes),
    close: () => handle.close(),
  }
}
