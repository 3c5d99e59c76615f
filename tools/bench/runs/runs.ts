import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { connect, type GyreClient } from '@gyre/sdk/client'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { z } from 'zod'
import { quantile, sortedFinite } from '../../../src/core/quantile.ts'
import { atMost, type BenchLine } from '../line.ts'
import { median } from '../median.ts'
import { startGyre } from '../program.ts'
import { ensureVenv } from '../python.ts'
import { benchSuggestion } from '../search.ts'

const run = promisify(execFile)
const PROJECT = fileURLToPath(new URL('project', import.meta.url))
const GYRE = fileURLToPath(new URL('../../../bin/gyre.js', import.meta.url))

const ROUNDS = 5
const ITEMS = 10_000
const PROBE_EVERY_MS = 5

/** What a step costs: taken from the cache, in TypeScript, in Python, ten thousand times; and a suggestion. */
export async function benchRuns(): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  const program = await startGyre(join(folder, 'data'))
  const url = `http://127.0.0.1:${program.port}`
  const client = connect({ url })
  try {
    await run(process.execPath, [GYRE, 'apply', PROJECT, '--url', url])
    return [
      ...(await cachedLines(client)),
      await typescriptLine(client),
      ...(await pythonLines(client, join(folder, 'data', 'python'))),
      ...(await manyLines(client)),
      await benchSuggestion(),
    ]
  } finally {
    client.close()
    await program.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs a pipeline to its end; in milliseconds. Throws when it fails. */
async function runMs(
  client: GyreClient,
  name: string,
  params: object,
): Promise<{ readonly ms: number; readonly ended: PipelineRun }> {
  const startedMs = performance.now()
  const { id } = await client.post(`/api/v1/pipelines/${name}/runs`, { params }, PipelineRun)
  const ended = await client.get(`/api/v1/pipeline-runs/${id}?wait=true`, PipelineRun)
  if (ended.status !== 'succeeded')
    throw new Error(`${name}: ${ended.steps.find(({ error }) => error)?.error?.message}`)
  return { ms: performance.now() - startedMs, ended }
}

async function cachedLines(client: GyreClient): Promise<BenchLine[]> {
  await runMs(client, 'steps', {})
  const times: number[] = []
  let processes = 0
  for (let round = 0; round < ROUNDS; round++) {
    const { ms, ended } = await runMs(client, 'steps', {})
    times.push(ms / ended.steps.length)
    processes += ended.steps.filter(({ attempt }) => attempt > 0).length
  }
  return [
    {
      name: 'a cached step, of 50 in a run',
      ours: median(times),
      unit: 'ms',
      bound: atMost('ours', 5),
    },
    { name: 'processes for those', ours: processes, unit: 'processes', bound: atMost('ours', 0) },
  ]
}

async function typescriptLine(client: GyreClient): Promise<BenchLine> {
  const [ours, bare]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    ours.push((await runMs(client, 'one', { seed: 100 + round })).ms)
    bare.push(await processMs(process.execPath, ['--eval', '0']))
  }
  return {
    name: 'a step in TypeScript that does nothing, from request to end',
    ours: median(ours),
    unit: 'ms',
    peer: { name: 'a bare Node process', value: median(bare) },
    bound: atMost('ours', 400),
  }
}

interface Pause {
  /** What waits for a step whose predecessor ended so long ago. */
  readonly waits: string
  readonly pauseMs: number
}

const PAUSES: readonly Pause[] = [
  // As long as a process takes to start and load, and shorter than it waits.
  { waits: 'an interpreter waiting', pauseMs: 1_500 },
  { waits: 'none waiting', pauseMs: 6_000 },
  { waits: 'one after the other', pauseMs: 0 },
]

async function pythonLines(client: GyreClient, pythons: string): Promise<BenchLine[]> {
  const lines: BenchLine[] = []
  for (const pause of PAUSES) lines.push(await pythonLine(client, pythons, 'standard', pause))
  const numpy = await ensureVenv(['numpy==2.4.6'], 'a step with numpy')
  if (numpy === undefined) return lines
  for (const pause of PAUSES) lines.push(await pythonLine(client, pythons, 'numpy', pause))
  return lines
}

async function pythonLine(
  client: GyreClient,
  pythons: string,
  pipeline: 'standard' | 'numpy',
  { waits, pauseMs }: Pause,
): Promise<BenchLine> {
  const isNumpy = pipeline === 'numpy'
  const script = join(PROJECT, 'py', isNumpy ? 'with_numpy.py' : 'standard.py')
  // The first makes the virtual environment, and fills the file cache.
  await runMs(client, pipeline, { seed: 0 })
  const [python, ...flags] = await interpreterOf(pythons, isNumpy)
  await processMs(python, [...flags, script])
  const [ours, bare]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    // Of its own, so that nothing comes from the cache.
    const seed = 100 + pauseMs + round
    bare.push(await processMs(python, [...flags, script]))
    await delay(pauseMs)
    ours.push((await runMs(client, pipeline, { seed })).ms)
  }
  return {
    name: `a step in Python, imports of ${isNumpy ? 'numpy' : 'standard library'}, ${waits}, from request to end`,
    ours: median(ours),
    unit: 'ms',
    peer: {
      name: 'its interpreter with the same imports',
      value: median(bare),
      ratio: median(ours.map((ms, round) => ms / (bare[round] ?? Number.NaN))),
    },
    bound: atMost('ratio', 1.5),
  }
}

const Interpreter = z.object({ executable: z.object({ path: z.string() }) })

/** What the server starts the scripts with, and not what may stand for it on the PATH. */
async function interpreterOf(
  pythons: string,
  hasPackages: boolean,
): Promise<[program: string, ...flags: string[]]> {
  const entries = await readdir(pythons, { withFileTypes: true })
  const made = entries.find((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
  if (hasPackages && made) return [join(pythons, made.name, 'bin', 'python'), '-s']
  const known = await readFile(join(pythons, 'interpreter.json'), 'utf8')
  return [Interpreter.parse(JSON.parse(known)).executable.path, '-s', '-S']
}

async function manyLines(client: GyreClient): Promise<BenchLine[]> {
  const lines: BenchLine[] = []
  const items = Array.from({ length: ITEMS }, (_, at) => at)
  const fresh = await probed(client, { items })
  lines.push(...fanOutLines('short items', fresh))
  const changed = await probed(client, { items: items.with(5_000, ITEMS) })
  lines.push(...fanOutLines('items, all but one cached', changed))
  return lines
}

interface Probed {
  readonly ms: number
  readonly p99Ms: number
}

/** The run, and how the server answered others meanwhile. */
async function probed(client: GyreClient, params: object): Promise<Probed> {
  const latencies: number[] = []
  const over = new AbortController()
  const probe = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const startedMs = performance.now()
      await client.get('/health', z.unknown())
      latencies.push(performance.now() - startedMs)
      await delay(PROBE_EVERY_MS)
    }
  }
  const probing = probe()
  const { ms } = await runMs(client, 'many', params).finally(() => over.abort())
  await probing
  return { ms, p99Ms: quantile(sortedFinite(latencies), 0.99) }
}

function fanOutLines(what: string, { ms, p99Ms }: Probed): BenchLine[] {
  return [
    { name: `${ITEMS} ${what}`, ours: ITEMS / (ms / 1_000), unit: 'items/s' },
    {
      name: `p99 of /health while ${ITEMS} ${what} are done`,
      ours: p99Ms,
      unit: 'ms',
      bound: atMost('ours', 20),
    },
  ]
}

async function processMs(command: string, args: readonly string[]): Promise<number> {
  const startedMs = performance.now()
  await run(command, [...args])
  return performance.now() - startedMs
}
