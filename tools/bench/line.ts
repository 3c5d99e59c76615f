/** One measured figure, beside that of a named peer which ran on this machine in this run. */
export interface BenchLine {
  readonly name: string
  /** NaN where this machine cannot measure it. */
  readonly ours: number
  /** Of `ours` and of the peer's figure. */
  readonly unit: string
  readonly peer?: {
    readonly name: string
    readonly value: number
    /** Median of ours ÷ peer, round by round; of the two medians where it is left out. */
    readonly ratio?: number
  }
  /** What is promised; absent where nothing is. */
  readonly bound?: Bound
  readonly note?: string
}

/** A promise about a figure, or about its ratio to the peer's. */
export interface Bound {
  readonly of: 'ratio' | 'ours' | 'difference'
  readonly kind: 'at least' | 'at most'
  readonly limit: number
}

export function atLeast(of: Bound['of'], limit: number): Bound {
  return { of, kind: 'at least', limit }
}

export function atMost(of: Bound['of'], limit: number): Bound {
  return { of, kind: 'at most', limit }
}

/** NaN without a peer. */
export function ratioOf({ ours, peer }: BenchLine): number {
  return peer ? (peer.ratio ?? ours / peer.value) : Number.NaN
}

/** Undefined where nothing is promised or the figure could not be measured. */
export function holds(line: BenchLine): boolean | undefined {
  const { bound } = line
  if (!bound) return undefined
  const value = boundedValue(line, bound)
  if (Number.isNaN(value)) return undefined
  return bound.kind === 'at least' ? value >= bound.limit : value <= bound.limit
}

function boundedValue(line: BenchLine, { of }: Bound): number {
  switch (of) {
    case 'ratio':
      return ratioOf(line)
    case 'ours':
      return line.ours
    case 'difference':
      return Math.abs(line.ours - (line.peer?.value ?? Number.NaN))
  }
}

/** Writes one line a figure, in columns, to standard output. */
export function printLines(lines: readonly BenchLine[]): void {
  const rows = [HEADER, ...lines.map(cells)]
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows) {
    const padded = row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
    process.stdout.write(`${padded.join('  ').trimEnd()}\n`)
  }
}

const HEADER = ['path', 'ours', 'peer', 'unit', 'ratio', 'bound', 'verdict', 'against', 'note']

function cells(line: BenchLine): string[] {
  const { name, ours, unit, peer, bound, note = '' } = line
  const theirs = digits(peer?.value ?? Number.NaN)
  const verdict = VERDICTS[String(holds(line))] ?? ''
  const promise = bound ? textOf(bound) : 'none'
  const against = peer?.name ?? ''
  return [name, digits(ours), theirs, unit, digits(ratioOf(line)), promise, verdict, against, note]
}

const VERDICTS: Readonly<Record<string, string>> = { true: 'holds', false: 'FAILS' }

function textOf({ of, kind, limit }: Bound): string {
  return `${of} ${kind === 'at least' ? '≥' : '≤'} ${limit}`
}

function digits(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return Math.abs(value) >= 10_000 ? value.toFixed(0) : value.toPrecision(4)
}
