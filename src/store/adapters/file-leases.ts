/** Keeps files alive while somebody reads them. */
export interface FileLeases {
  /** The files stay until the returned function is called (once or more). */
  take(paths: readonly string[]): () => void
  /** Removes a file no new reader will ask for: now, or when its last reader lets go. */
  retire(path: string): Promise<void>
}

export function createFileLeases(remove: (path: string) => Promise<void>): FileLeases {
  const readers = new Map<string, number>()
  const retired = new Set<string>()

  function letGo(path: string): void {
    const left = (readers.get(path) ?? 1) - 1
    if (left > 0) {
      readers.set(path, left)
      return
    }
    readers.delete(path)
    // A file that cannot be removed is an orphan: the next start sweeps it.
    if (retired.delete(path)) void remove(path).catch(() => {})
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
    async retire(path) {
      if (readers.has(path)) retired.add(path)
      else await remove(path)
    },
  }
}
