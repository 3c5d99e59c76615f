import { createReadStream } from 'node:fs'
import { toInt64, type ChunkPoint } from '../../store/metric-chunks.ts'
import { brief } from '../../core/import-outcome.ts'

/** A line of a metric's file: a point, and what follows it, or what is wrong with it. */
export type MetricLine =
  | { readonly kind: 'point'; readonly point: ChunkPoint; readonly rest: readonly string[] }
  | { readonly kind: 'bad'; readonly line: number; readonly reason: string }

const WHOLE = /^-?\d{1,19}$/

/** As Python prints and reads floats. */
const SPECIAL: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
}

const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/**
 * The lines of a metric's file: `TIME VALUE STEP`, without a step where MLflow before 1.0 wrote it. Every line that is
 * whole ends in a line feed.
 */
export async function* readMetricFile(path: string): AsyncGenerator<MetricLine> {
  let rest = ''
  let number = 0
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      number++
      if (line.trim() !== '') yield parseLine(line, number)
    }
  }
  if (rest !== '')
    yield { kind: 'bad', line: number + 1, reason: `the line is cut off after ${brief(rest)}` }
}

function parseLine(text: string, line: number): MetricLine {
  const [time = '', value = '', step = '0', ...rest] = text.trim().split(/\s+/)
  const number = SPECIAL[value.toLowerCase()] ?? (FLOAT.test(value) ? Number(value) : undefined)
  if (!isInt64(time) || !isInt64(step) || number === undefined) {
    return { kind: 'bad', line, reason: `expected a time, a value and a step, got ${brief(text)}` }
  }
  return {
    kind: 'point',
    point: { atMs: toInt64(time), value: number, step: toInt64(step) },
    rest,
  }
}

function isInt64(text: string): boolean {
  return WHOLE.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)
}
