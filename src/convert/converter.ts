import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { childEnvironment } from '../core/config.ts'
import { digestOf } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { PACKAGE_ROOT } from '../core/package.ts'
import type { ConversionPlan, Library } from './conversion-plan.ts'

const CONVERTERS = join(PACKAGE_ROOT, 'sdk', 'python', 'converters')
const SCRIPT = join(CONVERTERS, 'convert.py')

/**
 * The largest difference that a graph may have, relative to the value or to what values are on average. Graphs answer
 * in float32, which holds seven digits; sums over some hundred trees lose two or three of them, while a model that was
 * understood wrongly is off in the second.
 */
const MAX_RELATIVE = 1e-4

const Parity = z.strictObject({
  /** The largest difference of any number. */
  absolute: z.number(),
  relative: z.number(),
  /** Rows whose class differs. */
  labels: z.int().min(0),
  rows: z.int().min(1),
  /** What the rows were made of. */
  from: z.enum(['input_example', 'signature']),
})
export type Parity = z.infer<typeof Parity>

const Report = z.union([
  z.strictObject({ parity: Parity, onnxVersion: z.string() }),
  z.strictObject({ refused: z.string() }),
])

/** A Python to start scripts with, and what it is. */
export interface ConverterPython {
  readonly command: readonly [string, ...string[]]
  readonly facts: Readonly<Record<string, string>>
}

export interface ConverterDeps {
  /** The interpreter for a file of pinned packages. Throws STEP_FAILED. */
  readonly python: (requirements: string) => Promise<ConverterPython>
  readonly allowPickle: boolean
  readonly signal: AbortSignal
}

/** A model, where its files lie and a folder of its own to work in. */
export interface ConverterWork {
  readonly plan: ConversionPlan
  readonly model: string
  readonly folder: string
}

export interface Converted {
  readonly onnxPath: string
  readonly onnxVersion: string
  readonly parity: Parity
  readonly facts: Readonly<Record<string, string>>
}

/** What of the converter decides what it makes: another one converts anew. */
export async function converterDigest(library: Library): Promise<string> {
  const parts = [SCRIPT, lockOf(library)].map((path) => readFile(path, 'utf8'))
  return digestOf((await Promise.all(parts)).join('\0'))
}

/**
 * Converts in a child process, in which alone the model is read. Throws STEP_FAILED where it has no ONNX form or the
 * form's answers differ from its own.
 */
export async function convertModel(deps: ConverterDeps, work: ConverterWork): Promise<Converted> {
  const { plan, model, folder } = work
  const { command, facts } = await deps.python(await requirementsFor(work))
  const job = join(folder, 'job.json')
  const report = join(folder, 'report.json')
  const onnx = join(folder, 'model.onnx')
  const told = { ...plan, model, onnx, bound: MAX_RELATIVE, allowPickle: deps.allowPickle }
  await writeFile(job, JSON.stringify(told))
  const output = await run([...command, SCRIPT, job, report], folder, deps.signal)
  const text = await readFile(report, 'utf8').catch((cause: unknown) => {
    throw new GyreError('STEP_FAILED', `the converter ended without a report: ${output}`, {}, cause)
  })
  const found = Report.parse(JSON.parse(text))
  if ('refused' in found)
    throw new GyreError('STEP_FAILED', `${plan.library}: ${found.refused}`, { field: 'model' })
  assertParity(found.parity)
  return { onnxPath: onnx, onnxVersion: found.onnxVersion, parity: found.parity, facts }
}

/** Throws STEP_FAILED where the graph is another model. */
function assertParity({ relative, labels, rows }: Parity): void {
  if (relative <= MAX_RELATIVE && labels === 0) return
  throw new GyreError(
    'STEP_FAILED',
    `onnx_parity: expected the graph within ${MAX_RELATIVE} of the model's own predictions and no other class, got ${relative} and ${labels} of ${rows} rows`,
    { field: 'onnx_parity', relative, labels },
  )
}

function lockOf(library: Library): string {
  return join(CONVERTERS, library, 'requirements.lock')
}

const PACKAGE: Readonly<Record<Library, RegExp>> = {
  sklearn: /^scikit-learn==(.*)$/m,
  xgboost: /^xgboost-cpu==(.*)$/m,
  lightgbm: /^lightgbm==(.*)$/m,
}

/** Tools of the converter, which read models of many versions of the libraries. */
const TOOLS = /^(onnx|onnxruntime|skl2onnx|onnxmltools|skops|cloudpickle|protobuf)==/

/** What a model's own requirements pin and its library computes with. */
const COMPUTES = /^(numpy|scipy|pandas|scikit-learn)==[\w.]+$/

/** The lock of the converter; with another version of the library where the model was saved by one. */
async function requirementsFor({ plan, model, folder }: ConverterWork): Promise<string> {
  const lock = lockOf(plan.library)
  const text = await readFile(lock, 'utf8')
  if (PACKAGE[plan.library].exec(text)?.[1] === plan.version) return lock
  const name = { sklearn: 'scikit-learn', xgboost: 'xgboost', lightgbm: 'lightgbm' }[plan.library]
  const pinned = `${name}==${plan.version}`
  const own = await readFile(join(model, 'requirements.txt'), 'utf8').catch(() => '')
  const computes = own.split('\n').filter((line) => COMPUTES.test(line) && !line.startsWith(name))
  const rest = text.split('\n').filter((line) => TOOLS.test(line))
  const path = join(folder, 'requirements.txt')
  await mkdir(folder, { recursive: true })
  await writeFile(path, [pinned, ...computes, 'pandas', ...rest, ''].join('\n'))
  return path
}

/** Enough to see why a program failed. */
const MAX_OUTPUT_CHARS = 2_000

/** A conversion of a large forest takes minutes. */
const TIMEOUT_MS = 15 * 60_000

async function run(
  [program = '', ...args]: readonly string[],
  folder: string,
  stopped: AbortSignal,
): Promise<string> {
  const child = spawn(program, args, {
    cwd: folder,
    env: childEnvironment({ PYTHONNOUSERSITE: '1', PYTHONHASHSEED: '0', OMP_NUM_THREADS: '1' }),
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([stopped, AbortSignal.timeout(TIMEOUT_MS)]),
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-MAX_OUTPUT_CHARS)
    })
  const [code] = await once(child, 'close').catch((cause: unknown) => {
    throw new GyreError('STEP_FAILED', `the converter was ended: ${String(cause)}`, {}, cause)
  })
  return code === 0 ? output.trim() : `exit code ${String(code)}: ${output.trim()}`
}
