/** An item that is not done, and what it has behind it. */
export interface OpenItem {
  readonly item: number
  readonly attempt: number
  /** Attempts that went down with their server. */
  readonly lost: number
  readonly fence: number
}

/** Which items wait for a process. Those that may have ended one are handed out by themselves. */
export interface ItemQueue {
  readonly size: number
  /** At most `most` of what waits, less where `workers` share a short rest; one suspect for whoever has nothing else. */
  take(most: number, workers: number, hasNothing: boolean): readonly OpenItem[]
  /** They wait again, as they are now. */
  add(items: readonly OpenItem[]): void
  /** One of them ended its process, and nobody knows which. */
  suspect(items: readonly OpenItem[]): void
  /** Nothing more is handed out. */
  drop(): void
}

export function createItemQueue(open: readonly OpenItem[]): ItemQueue {
  let [waiting, head] = [[...open], 0]
  let suspects: OpenItem[] = []
  const left = (): number => waiting.length - head

  return {
    get size() {
      return left() + suspects.length
    },
    take(most, workers, hasNothing) {
      if (most === 0) return []
      if (suspects.length > 0 && hasNothing) return suspects.splice(0, 1)
      const share = Math.ceil(left() / (2 * Math.max(1, workers)))
      const taken = waiting.slice(head, head + Math.min(most, share))
      head += taken.length
      return taken
    },
    add(items) {
      waiting = [...waiting.slice(head), ...items]
      head = 0
    },
    suspect: (items) => void suspects.push(...items),
    drop() {
      waiting = []
      suspects = []
      head = 0
    },
  }
}
