import {
  HISTORY,
  type OnlineBatch,
  type OnlineRow,
  type OnlineStore,
  type OnlineView,
} from '../online.ts'

/** The online store of a single server: lost with the process, restored from the offline rows. */
export function createMemoryOnline(): OnlineStore {
  const views = new Map<string, OnlineView>()
  return {
    driver: 'memory',
    view(id) {
      const view = views.get(id) ?? createView()
      views.set(id, view)
      return view
    },
    drop: (id) => void views.delete(id),
  }
}

/** The newest rows of one entity, oldest first. */
type Recent = OnlineRow[]

function createView(): OnlineView {
  const entities = new Map<string, Recent>()
  /** A batch is applied piece by piece; its keys are looked up once. */
  const resolved = new WeakMap<OnlineBatch, readonly Recent[]>()

  const recentOf = (key: string): Recent => {
    const recent = entities.get(key) ?? []
    entities.set(key, recent)
    return recent
  }

  const resolve = (batch: OnlineBatch): readonly Recent[] => {
    const recents = resolved.get(batch) ?? batch.keys.map(recentOf)
    resolved.set(batch, recents)
    return recents
  }

  return {
    apply(batch, from, to) {
      const recents = resolve(batch)
      for (let row = from; row < to; row++) {
        const recent = recents[batch.keyIndex[row] ?? -1]
        if (recent) insert(recent, rowOf(batch, row))
      }
    },
    find(key, atMs) {
      const recent = entities.get(key)
      return recent?.findLast((row) => row.eventMs <= atMs)
    },
  }
}

function rowOf({ eventMs, features }: OnlineBatch, row: number): OnlineRow {
  const values: (number | null)[] = []
  for (const { values: column, valid } of features)
    values.push(valid?.[row] === 0 ? null : (column[row] ?? null))
  return { eventMs: eventMs[row] ?? Number.NaN, values }
}

function insert(recent: Recent, row: OnlineRow): void {
  let at = recent.length
  while (at > 0 && (recent[at - 1]?.eventMs ?? 0) > row.eventMs) at--
  const replaces = at > 0 && recent[at - 1]?.eventMs === row.eventMs
  if (replaces) recent[at - 1] = row
  else recent.splice(at, 0, row)
  if (recent.length > HISTORY) recent.shift()
}
