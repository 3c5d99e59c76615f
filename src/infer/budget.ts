/** A session as the memory budget sees it. */
export interface BudgetEntry {
  /** Model file size × workers: a first guess that needs no measuring. */
  readonly bytes: number
  /** Leased, or with rows unanswered. */
  readonly pinned: boolean
  /** Monotonic time of the last lease taken or closed. */
  readonly lastUsedMs: number
}

/**
 * The unpinned sessions to drop, least recently used first, so that `neededBytes` more fit into
 * `budgetBytes`; undefined when even dropping all of them does not make room.
 */
export function planEviction<Entry extends BudgetEntry>(
  entries: readonly Entry[],
  neededBytes: number,
  budgetBytes: number,
): readonly Entry[] | undefined {
  let excess = entries.reduce((sum, { bytes }) => sum + bytes, neededBytes) - budgetBytes
  const dropped: Entry[] = []
  const idle = entries.filter(({ pinned }) => !pinned)
  for (const entry of idle.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (excess <= 0) break
    dropped.push(entry)
    excess -= entry.bytes
  }
  return excess <= 0 ? dropped : undefined
}
