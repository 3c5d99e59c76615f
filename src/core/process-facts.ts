import { environmentVariable } from './config.ts'
import { DEPENDENCIES, VERSION } from './package.ts'

/** Packages whose numbers end up in what a run makes. */
const PACKAGES = ['@duckdb/node-api', 'onnxruntime-node']

/** Variables by which the same code may give other numbers or texts. */
const VARIABLES = ['TZ', 'LANG', 'NODE_OPTIONS', 'OMP_NUM_THREADS']

/** What this process runs on, as a run keeps it: Gyre, Node, the platform, packages, variables that are set. */
export function processFacts(): Readonly<Record<string, string>> {
  const packages = PACKAGES.map((name) => [name, DEPENDENCIES[name] ?? ''] as const)
  const variables = VARIABLES.flatMap((name) => {
    const value = environmentVariable(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    gyre: VERSION,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    ...Object.fromEntries([...packages, ...variables]),
  }
}
