import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { benchAnalysis } from './analysis/analysis.ts'
import { benchGbdt } from './gbdt.ts'
import { benchIdle } from './idle.ts'
import { benchInfer } from './infer.ts'
import { holds, printLines, ratioOf, type BenchLine } from './line.ts'
import { benchHeavy, benchPerceptron, benchTrees } from './predict.ts'
import { benchRuns } from './runs/runs.ts'
import { benchSearch } from './search.ts'
import { benchStartup } from './startup.ts'
import { TRACKING } from './tracking/tracking.ts'

/** Every benchmark by its name, in the order they run. A name chooses those that begin with it. */
const BENCHES: Readonly<Record<string, () => Promise<BenchLine[]>>> = {
  trees: benchTrees,
  perceptron: benchPerceptron,
  heavy: benchHeavy,
  infer: benchInfer,
  gbdt: benchGbdt,
  analysis: benchAnalysis,
  search: benchSearch,
  runs: benchRuns,
  startup: benchStartup,
  idle: benchIdle,
  ...TRACKING,
}

/** Prints what it measured; a bound that fails is told, and is no error. */
async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'string' } },
    allowPositionals: true,
  })
  const lines: BenchLine[] = []
  for (const [name, bench] of chosen(positionals)) {
    process.stderr.write(`measuring ${name} …\n`)
    lines.push(...(await bench()))
  }
  printLines(lines)
  if (values.json !== undefined) await writeFile(values.json, reportOf(lines))
}

/** All of them where none is named. */
function chosen(names: readonly string[]): readonly [string, () => Promise<BenchLine[]>][] {
  const all = Object.entries(BENCHES)
  const unknown = names.find((given) => !all.some(([name]) => isOf(name, given)))
  if (unknown !== undefined) {
    process.stderr.write(`${unknown}: expected one of ${Object.keys(BENCHES).join(', ')}\n`)
    process.exit(2)
  }
  return names.length === 0 ? all : all.filter(([name]) => names.some((given) => isOf(name, given)))
}

function isOf(name: string, given: string): boolean {
  return name === given || name.startsWith(`${given}-`)
}

function reportOf(lines: readonly BenchLine[]): string {
  const machine = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  }
  const figures = lines.map((line) => ({
    ...line,
    ratio: ratioOf(line),
    holds: holds(line) ?? null,
  }))
  return `${JSON.stringify({ at: new Date().toISOString(), machine, lines: figures }, null, 2)}\n`
}

await main()
