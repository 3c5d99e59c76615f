import { open } from 'node:fs/promises'
import { StringDecoder } from 'node:string_decoder'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import { Double } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { errnoOf, GyreError } from '../core/errors.ts'

/** A line of what a script reports: a metric, one of its outputs, as a value or at a path, or a checkpoint at a path. */
const Line = z.union([
  z.strictObject({
    metric: z.string().min(1),
    value: Double,
    step: z.exactOptional(z.number().int()),
  }),
  z.strictObject({ output: z.string().min(1), value: Json }),
  z.strictObject({ output: z.string().min(1), path: z.string().min(1) }),
  z.strictObject({ checkpoint: z.string().min(1), step: z.int().min(0) }),
])

/** A script that reports more has mistaken the report for its log. */
const MAX_LINES = 1_000_000
const MAX_LINE_CHARS = 16 * 1024 * 1024
/** Enough of a line to find it again. */
const SHOWN_CHARS = 200
const PIECE_BYTES = 65_536

export interface ReportedPoint {
  readonly key: string
  readonly value: number
  readonly step?: number
}

/** A file or folder that the next attempt goes on from. */
export interface ReportedCheckpoint {
  readonly checkpoint: string
  readonly step: number
}

/** What a script reports, read while it is written: each line once. */
export interface PythonReport {
  /**
   * The points and checkpoints of the lines that have come since the last call; with `isWhole` of one that no newline ends too. Throws
   * STEP_FAILED naming the line that is not as it should be.
   */
  read(isWhole: boolean): AsyncGenerator<ReportedPoint | ReportedCheckpoint>
  /** Outputs told so far. */
  readonly values: ReadonlyMap<string, JsonValue>
  /** Outputs that lie in files or folders, by the path that the script gave. */
  readonly paths: ReadonlyMap<string, string>
}

/** The report at `path`, which need not be there. */
export function openReport(path: string): PythonReport {
  const values = new Map<string, JsonValue>()
  const paths = new Map<string, string>()
  const linesOf = createLines(path)
  let number = 0

  function keep(line: Extract<z.infer<typeof Line>, { output: string }>): void {
    if (values.has(line.output) || paths.has(line.output))
      throw new GyreError(
        'STEP_FAILED',
        `report line ${number}: output ${line.output} is told twice`,
      )
    if ('path' in line) paths.set(line.output, line.path)
    else values.set(line.output, line.value)
  }

  return {
    values,
    paths,
    async *read(isWhole) {
      for await (const text of linesOf(isWhole)) {
        number++
        if (number > MAX_LINES)
          throw new GyreError('STEP_FAILED', `report: expected ${MAX_LINES} lines at most`)
        if (text.trim() === '') continue
        const line = parseLine(text, number)
        if ('output' in line) keep(line)
        else if ('checkpoint' in line) yield line
        else {
          const { metric: key, value, step } = line
          yield step === undefined ? { key, value } : { key, value, step }
        }
      }
    },
  }
}

/** Gives the lines of a growing file that have come since the last call. */
function createLines(path: string): (isWhole: boolean) => AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  let [offset, rest] = [0, '']

  return async function* linesOf(isWhole) {
    for await (const piece of piecesFrom(path, offset)) {
      offset += piece.length
      const lines = (rest + decoder.write(piece)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > MAX_LINE_CHARS)
        throw new GyreError('STEP_FAILED', `report: expected lines of ${MAX_LINE_CHARS} at most`)
      yield* lines
    }
    if (!isWhole) return
    const last = rest + decoder.end()
    rest = ''
    if (last !== '') yield last
  }
}

async function* piecesFrom(path: string, start: number): AsyncGenerator<Buffer> {
  const file = await open(path).catch((thrown: unknown) => {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw thrown
  })
  if (!file) return
  try {
    const { size } = await file.stat()
    if (size < start)
      throw new GyreError(
        'STEP_FAILED',
        `report: what was told is no longer there; open it once, or to append`,
      )
    let at = start
    const buffer = Buffer.allocUnsafe(PIECE_BYTES)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

function parseLine(text: string, number: number): z.infer<typeof Line> {
  try {
    return Line.parse(JSON.parse(text))
  } catch (cause) {
    throw new GyreError(
      'STEP_FAILED',
      `report line ${number}: expected {"metric", "value", "step"?}, {"output", "value"}, {"output", "path"} or {"checkpoint", "step"} as JSON ("NaN" for what is not a number), got ${text.slice(0, SHOWN_CHARS)}`,
      { line: number },
      cause,
    )
  }
}
