import { GyreError } from '../core/errors.ts'
import type { Lane, Result } from './lane.ts'
import type { Answer, RowFailure } from './protocol.ts'
import type { ModelAnswer, ModelRow, ModelSource } from './session.ts'

/** A model of Gyre's own: rows in, a probability for each out. */
export function scoredLane({ key, spec }: ModelSource): Lane<ModelRow, ModelAnswer> {
  const width = spec.inputs.length

  function resultOf(row: ModelRow, i: number, ran: Ran, failure: RowFailure | undefined): Scored {
    if (failure) return failed(key, failure.code, failure.message)
    const score = ran.scores[i] ?? Number.NaN
    if (!Number.isFinite(score)) return failed(key, 'MODEL_FAILED', `the score is ${score}`)
    const inputs =
      row.kind === 'vector' ? row.values : ran.vectors.subarray(i * width, (i + 1) * width)
    return { kind: 'answer', answer: { score, inputs } }
  }

  return {
    maxRows: undefined,
    loaded: () => undefined,
    rowsOf: () => 1,
    joins: (first, next) => first.kind === next.kind,
    request: (session, rows) =>
      rows[0]?.kind === 'vector'
        ? { kind: 'score', session, vectors: vectorsOf(rows, width) }
        : { kind: 'run', session, rows: JSON.stringify(rows) },
    results(rows, ran) {
      if (ran.kind !== 'ran') return undefined
      const failures = new Map(ran.failures.map((failure) => [failure.row, failure]))
      return rows.map((row, i) => resultOf(row, i, ran, failures.get(i)))
    },
  }
}

type Ran = Extract<Answer, { kind: 'ran' }>
type Scored = Result<ModelAnswer>

function failed(key: string, code: RowFailure['code'], message: string): Scored {
  return { kind: 'error', error: new GyreError(code, `${key}: ${message}`) }
}

function vectorsOf(rows: readonly ModelRow[], width: number): Float32Array {
  const vectors = new Float32Array(rows.length * width)
  for (const [i, row] of rows.entries())
    if (row.kind === 'vector') vectors.set(row.values, i * width)
  return vectors
}
