import { nodeFiles, type Files, type WritableFile } from '../files.ts'

export type Step = 'write' | 'datasync' | 'truncate' | 'sync' | 'rename' | 'syncFolder'

export interface FaultyFiles extends Files {
  /** Every durable step so far, oldest first: `datasync seg_1.ndjson`. */
  readonly steps: string[]
  /** The next `step` fails with ENOSPC; a `write` first puts half of its bytes in the file. */
  failNext(step: Step): void
  /** From now on the disk says that it has room for so many bytes, whatever it has. */
  leaveFree(bytes: number): void
}

/** The real file system, with its steps written down and its faults on demand. */
export function faultyFiles(): FaultyFiles {
  const steps: string[] = []
  const failures: Step[] = []
  let free: number | undefined

  function take(step: Step, path: string): boolean {
    steps.push(`${step} ${path.slice(path.lastIndexOf('/') + 1)}`)
    const at = failures.indexOf(step)
    if (at >= 0) failures.splice(at, 1)
    return at >= 0
  }

  function guard(step: Step, path: string): void {
    if (take(step, path)) throw noSpace()
  }

  function wrap(path: string, file: WritableFile): WritableFile {
    return {
      async write(bytes) {
        const torn = take('write', path)
        await file.write(torn ? bytes.subarray(0, Math.floor(bytes.byteLength / 2)) : bytes)
        if (torn) throw noSpace()
      },
      async datasync() {
        guard('datasync', path)
        await file.datasync()
      },
      async truncate(sizeBytes) {
        guard('truncate', path)
        await file.truncate(sizeBytes)
      },
      close: () => file.close(),
    }
  }

  return {
    ...nodeFiles,
    steps,
    failNext: (step) => void failures.push(step),
    leaveFree(bytes) {
      free = bytes
    },
    freeBytes: async (folder) => free ?? nodeFiles.freeBytes(folder),
    create: async (path) => wrap(path, await nodeFiles.create(path)),
    append: async (path) => wrap(path, await nodeFiles.append(path)),
    writeFrom: async (path, offset) => wrap(path, await nodeFiles.writeFrom(path, offset)),
    async sync(path) {
      guard('sync', path)
      await nodeFiles.sync(path)
    },
    async rename(from, to) {
      guard('rename', to)
      await nodeFiles.rename(from, to)
    },
    async syncFolder(path) {
      guard('syncFolder', path)
      await nodeFiles.syncFolder(path)
    },
  }
}

function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
}
