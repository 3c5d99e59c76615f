import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { Double } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { errnoOf, GyreError } from '../core/errors.ts'

/** A line of what a script reports: a metric, or one of its outputs, as a value or as what lies at a path. */
const Line = z.union([
  z.strictObject({
    metric: z.string().min(1),
    value: Double,
    step: z.exactOptional(z.number().int()),
  }),
  z.strictObject({ output: z.string().min(1), value: Json }),
  z.strictObject({ output: z.string().min(1), path: z.string().min(1) }),
])

/** A script that reports more has mistaken the report for its log. */
const MAX_LINES = 1_000_000
/** Enough of a line to find it again. */
const SHOWN_CHARS = 200

export interface PythonReport {
  readonly points: readonly {
    readonly key: string
    readonly value: number
    readonly step?: number
  }[]
  readonly values: ReadonlyMap<string, JsonValue>
  /** Outputs that lie in files or folders, by the path that the script gave. */
  readonly paths: ReadonlyMap<string, string>
}

/** Reads a script's report; none is an empty one. Throws STEP_FAILED naming the line that is not as it should be. */
export async function readReport(path: string): Promise<PythonReport> {
  const points = []
  const values = new Map<string, JsonValue>()
  const paths = new Map<string, string>()
  let number = 0
  for await (const text of linesOf(path)) {
    number++
    if (text.trim() === '') continue
    if (number > MAX_LINES)
      throw new GyreError('STEP_FAILED', `report: expected ${MAX_LINES} lines at most`)
    const line = parseLine(text, number)
    if ('metric' in line) {
      const { metric: key, value, step } = line
      points.push(step === undefined ? { key, value } : { key, value, step })
      continue
    }
    if (values.has(line.output) || paths.has(line.output))
      throw new GyreError(
        'STEP_FAILED',
        `report line ${number}: output ${line.output} is told twice`,
      )
    if ('path' in line) paths.set(line.output, line.path)
    else values.set(line.output, line.value)
  }
  return { points, values, paths }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(path), crlfDelay: Infinity })
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown
  }
}

function parseLine(text: string, number: number): z.infer<typeof Line> {
  try {
    return Line.parse(JSON.parse(text))
  } catch (cause) {
    throw new GyreError(
      'STEP_FAILED',
      `report line ${number}: expected {"metric", "value", "step"?}, {"output", "value"} or {"output", "path"} as JSON ("NaN" for what is not a number), got ${text.slice(0, SHOWN_CHARS)}`,
      { line: number },
      cause,
    )
  }
}
