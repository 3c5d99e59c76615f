import type { FeatureSpec, ViewSpec } from '@gyre/sdk/wire/feature'

/** A source row of the tests, in the order of the file. Times in ms, fractions allowed. */
export interface Landing {
  readonly a: string | null
  readonly b: number | null
  readonly x: number | null
  readonly y: number | null
  readonly seen: number | null
}

/** What a view says of an entity from an instant of its grid on. */
export interface ViewRow {
  readonly entity: readonly (string | number)[]
  readonly g: number
  readonly values: readonly (number | null)[]
}

export interface Grid {
  readonly everyMs: number
  readonly ttlMs: number
  /** Width of each feature's window; undefined = the latest value. */
  readonly overMs: readonly (number | undefined)[]
}

/**
 * Rows of a view by the sentence that defines them, and nothing clever: walk the grid, look at every source row
 * each time, write a row where the set of rows in some window is another one than at the instant before.
 */
export function bruteForceView(spec: ViewSpec, grid: Grid, rows: readonly Landing[]): ViewRow[] {
  const present = rows.filter(
    (row) => row.seen !== null && entityOf(spec, row).every((part) => part !== null),
  )
  const entities = new Map(present.map((row) => [JSON.stringify(entityOf(spec, row)), row]))
  const times = present.map((row) => row.seen ?? 0)
  const widest = Math.max(0, ...grid.overMs.map((over) => over ?? 0))
  const first = Math.floor(Math.min(...times) / grid.everyMs) * grid.everyMs
  const last = Math.max(...times) + widest + grid.everyMs
  const result: ViewRow[] = []
  for (const sample of entities.values()) {
    const entity = entityOf(spec, sample)
    const own = present.filter((row) => same(entityOf(spec, row), entity))
    let before = ''
    let valuesBefore = ''
    for (let g = first; g <= last; g += grid.everyMs) {
      const windows = grid.overMs.map((over) => within(own, g, over))
      const now = JSON.stringify(windows.map((window) => window.map((row) => own.indexOf(row))))
      if (now === before) continue
      before = now
      const known = result.some((row) => same(row.entity, entity))
      if (!known && windows.every((window) => window.length === 0)) continue
      const values = Object.values(spec.features).map((f, i) => aggregate(f, windows[i] ?? []))
      const unchanged = JSON.stringify(values) === valuesBefore
      valuesBefore = JSON.stringify(values)
      const onlyLatest = grid.overMs.every((over) => over === undefined)
      if (onlyLatest && grid.ttlMs === 0 && unchanged) continue
      result.push({ entity: entity.filter((part) => part !== null), g, values })
    }
  }
  return result.toSorted((p, q) => p.g - q.g || compare(p.entity, q.entity))
}

/** Rows with g − over < seen ≤ g, in the order of time, then of the file. */
function within(rows: readonly Landing[], g: number, over: number | undefined): Landing[] {
  return rows
    .filter(({ seen }) => seen !== null && seen <= g && (over === undefined || seen > g - over))
    .toSorted((p, q) => (p.seen ?? 0) - (q.seen ?? 0))
}

function aggregate({ aggregate: kind, column }: FeatureSpec, window: readonly Landing[]) {
  const cells = window.map((row) => (column === 'x' ? row.x : row.y))
  const values = cells.filter((cell) => cell !== null)
  const sum = values.reduce((total, value) => total + value, 0)
  if (window.length === 0) return null
  if (kind === 'last') return cells.at(-1) ?? null
  if (kind === 'count') return values.length
  if (values.length === 0) return null
  if (kind === 'sum') return sum
  if (kind === 'mean') return sum / values.length
  return kind === 'min' ? Math.min(...values) : Math.max(...values)
}

function entityOf(spec: ViewSpec, row: Landing): readonly (string | number | null)[] {
  return spec.entity.map((column) => (column === 'a' ? row.a : row.b))
}

function same(p: readonly unknown[], q: readonly unknown[]): boolean {
  return JSON.stringify(p) === JSON.stringify(q)
}

function compare(p: readonly (string | number)[], q: readonly (string | number)[]): number {
  for (const [i, part] of p.entries()) {
    const other = q[i] ?? part
    if (part < other) return -1
    if (part > other) return 1
  }
  return 0
}
