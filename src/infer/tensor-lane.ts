import { joinRows, rowsOf, type Tensor } from '../core/tensor.ts'
import type { Lane } from './lane.ts'
import type { Graph, GraphSource, TensorAnswer, TensorAsk } from './session.ts'

/** Until a worker has said what it is. */
export const UNKNOWN: Graph = {
  inputs: [],
  outputs: [],
  operators: {},
  batches: false,
  maxBatch: 0,
}

/**
 * A graph that is asked by its tensors: those of several callers go as one, joined along their first axis, where rows
 * keep their answers in company and all other dimensions agree.
 */
export function tensorLane({
  maxBatch,
  runs,
}: Pick<GraphSource, 'maxBatch' | 'runs'>): Lane<TensorAsk, TensorAnswer> {
  let graph = UNKNOWN
  const shares = runs?.shares ?? true
  const countRows = ({ inputs: [first] }: TensorAsk): number =>
    graph.batches ? Math.max(1, first?.shape[0] ?? 1) : 1

  return {
    loaded(found) {
      graph = found ?? graph
    },
    maxRows: Math.max(1, maxBatch),
    rowsOf: countRows,
    joins: (first, next) => shares && graph.batches && isAlike(first.inputs, next.inputs),
    request: (session, asks) => ({
      kind: 'tensors',
      session,
      inputs: graph.inputs.map((_, i) => joinRows(asks.flatMap(({ inputs }) => inputs[i] ?? []))),
    }),
    results(asks, answer) {
      if (answer.kind !== 'tensors') return undefined
      const { outputs } = answer
      if (asks.length === 1) return [{ kind: 'answer', answer: outputs }]
      let from = 0
      return asks.map((ask) => {
        const [start, end] = [from, from + countRows(ask)]
        from = end
        return { kind: 'answer', answer: outputs.map((output) => rowsOf(output, start, end)) }
      })
    },
  }
}

/** Whether all dimensions but the first agree. */
function isAlike(some: readonly Tensor[], others: readonly Tensor[]): boolean {
  return some.every(({ shape }, i) => {
    const other = others[i]?.shape ?? []
    return (
      shape.length === other.length && shape.every((dim, axis) => axis === 0 || dim === other[axis])
    )
  })
}
