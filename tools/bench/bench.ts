import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { benchGbdt } from './gbdt.ts'
import { benchIdle } from './idle.ts'
import { benchInfer } from './infer.ts'
import { holds, printLines, ratioOf, type BenchLine } from './line.ts'
import { benchHeavy, benchPerceptron, benchTrees } from './predict.ts'
import { benchStartup } from './startup.ts'

/** Every benchmark by the name `--only` takes, in the order they run. */
const BENCHES: Readonly<Record<string, () => Promise<BenchLine[]>>> = {
  trees: benchTrees,
  perceptron: benchPerceptron,
  heavy: benchHeavy,
  infer: benchInfer,
  gbdt: benchGbdt,
  startup: benchStartup,
  idle: benchIdle,
}

/** Prints what it measured; a bound that fails is told, and is no error. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'string' } } })
  const lines: BenchLine[] = []
  for (const [name, bench] of chosen(values.only)) {
    process.stderr.write(`measuring ${name} …\n`)
    lines.push(...(await bench()))
  }
  printLines(lines)
  if (values.json !== undefined) await writeFile(values.json, reportOf(lines))
}

function chosen(only: string | undefined): readonly [string, () => Promise<BenchLine[]>][] {
  const all = Object.entries(BENCHES)
  const found = only === undefined ? all : all.filter(([name]) => name === only)
  if (found.length > 0) return found
  process.stderr.write(`--only ${only}: expected one of ${Object.keys(BENCHES).join(', ')}\n`)
  process.exit(2)
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
