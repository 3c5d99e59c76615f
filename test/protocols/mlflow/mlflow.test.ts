import { mkdtemp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { build, up } from '../../e2e/program.ts'
import { pinnedPython } from '../python.ts'
import { asGyre } from './differences.ts'
import { startMlflow } from './oracle.ts'
import { runScenario, type Step } from './scenario.ts'
import { recordWire } from './wire.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** `oracle`: MLflow's own server alone, for writing a scenario. `gyre` would have nothing to be compared with. */
const oracleOnly = process.env['GYRE_PROTOCOLS'] === 'oracle'
/** A folder for what passes between the client and MLflow's own server (SCENARIO.jsonl) and its transcript (.json). */
const wireFolder = process.env['GYRE_PROTOCOLS_WIRE']

const scenarios = (await readdir(here('scenarios')))
  .filter((file) => file.endsWith('.py'))
  .map((file) => file.slice(0, -'.py'.length))

let python = ''

beforeAll(async () => {
  python = await pinnedPython(here('requirements.txt'))
  if (!oracleOnly) await build()
}, 1_800_000)

test.each(scenarios)(
  'the client reads back from Gyre what it reads back from MLflow: %s',
  async (name) => {
    const [expected, actual] = await Promise.all([
      fromMlflow(name),
      oracleOnly ? undefined : fromGyre(name),
    ])
    expect(expected.length, 'a scenario that did nothing proves nothing').toBeGreaterThan(3)
    const meant = asGyre(name, expected)
    expect(actual ?? meant).toEqual(meant)
  },
  600_000,
)

async function fromMlflow(name: string): Promise<readonly Step[]> {
  const server = await startMlflow(python, await folder())
  onTestFinished(() => server.stop())
  if (wireFolder === undefined) return runScenario(python, name, server.url)
  await mkdir(wireFolder, { recursive: true })
  const wire = await recordWire(server.url, join(wireFolder, `${name}.jsonl`))
  const steps = await runScenario(python, name, wire.url)
  await wire.close()
  await writeFile(join(wireFolder, `${name}.json`), JSON.stringify(steps, null, 1))
  return steps
}

async function fromGyre(name: string): Promise<readonly Step[]> {
  const server = await up(await folder())
  return runScenario(python, name, server.url)
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'gyre-protocols-'))
  onTestFinished(() => rm(made, { recursive: true, force: true }))
  return made
}
