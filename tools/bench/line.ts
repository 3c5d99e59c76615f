/** One measured path against a named peer, both run on this machine in this run. */
export interface BenchLine {
  readonly name: string
  readonly ours: number
  readonly peer: number
  readonly peerName: string
  /** ours ÷ peer. */
  readonly ratio: number
  /** Of `ours` and `peer`. */
  readonly unit: string
  /** What must hold, in words: `ratio ≤ 2`. */
  readonly bound: string
  readonly note?: string
}

/** Writes one row a line, in columns, to standard output. */
export function printLines(lines: readonly BenchLine[]): void {
  const rows = [HEADER, ...lines.map(cells)]
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows) {
    const padded = row.map((cell, column) => cell.padEnd(widths[column] ?? 0))
    process.stdout.write(`${padded.join('  ').trimEnd()}\n`)
  }
}

const HEADER = ['path', 'ours', 'peer', 'unit', 'ratio', 'bound', 'against', 'note']

function cells(line: BenchLine): string[] {
  const { name, ours, peer, unit, ratio, bound, peerName, note = '' } = line
  return [name, digits(ours), digits(peer), unit, digits(ratio), bound, peerName, note]
}

function digits(value: number): string {
  return value.toPrecision(4)
}
