/** Keeps files alive while somebody reads them. */
export interface FileLeases {
  /** The files stay until the returned function is called (once or more). */
  take(paths: readonly string[]): () => void
  /** Every file stays, whoever reads it, until the returned function is called (once or more). */
  takeAll(): () => Promise<void>
  /** Removes a file no new reader will ask for: now, or when its last reader lets go. */
  retire(path: string): Promise<void>
}

export function createFileLeases(remove: (path: string) => Promise<void>): FileLeases {
  const readers = new Map<string, number>()
  const retired = new Set<string>()
  let takenAll = 0

  function letGo(path: string): void {
    const left = (readers.get(path) ?? 1) - 1
    if (left > 0) {
      readers.set(path, left)
      return
    }
    readers.delete(path)
    if (takenAll === 0) void removeRetired(path)
  }

  async function removeRetired(path: string): Promise<void> {
    // A file that cannot be removed is an orphan: the next start sweeps it.
    if (retired.delete(path)) await remove(path).catch(() => {})
  }

  return {
    take(paths) {
      for (const path of paths) readers.set(path, (readers.get(path) ?? 0) + 1)
      let released = false
      return () => {
        if (released) return
        released = true
        for (const path of paths) letGo(path)
      }
    },
    takeAll() {
      takenAll += 1
      let released = false
      return async () => {
        if (released) return
        released = true
        takenAll -= 1
        if (takenAll > 0) return
        for (const path of retired) if (!readers.has(path)) await removeRetired(path)
      }
    },
    async retire(path) {
      if (readers.has(path) || takenAll > 0) retired.add(path)
      else await remove(path)
    },
  }
}
