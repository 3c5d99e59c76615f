import type { Tensor } from '../core/tensor.ts'

/** One named part of an answer: a score, or an output tensor. */
export type AnswerPart = Pick<Tensor, 'name' | 'datatype' | 'data'>

export interface Agreement {
  readonly agree: boolean
  /** Largest distance between two numbers of the answers; null where they hold none, or not the same ones. */
  readonly maxAbsDiff: number | null
}

/** An answer that is one probability. */
export function scoreParts(score: number): readonly AnswerPart[] {
  return [{ name: 'score', datatype: 'FP64', data: Float64Array.of(score) }]
}

/**
 * Whether two answers are the same: the same parts of the same size, their texts and half-precision bits equal, no
 * number further from its fellow than `tolerance`. Two NaN are the same; NaN and a number are not.
 */
export function compareAnswers(
  primary: readonly AnswerPart[],
  shadow: readonly AnswerPart[],
  tolerance: number,
): Agreement {
  const pairs = primary.map(
    (part) => [part, shadow.find(({ name }) => name === part.name)] as const,
  )
  let maxAbsDiff: number | null = null
  let agree = primary.length === shadow.length
  for (const [mine, other] of pairs) {
    if (mine.datatype !== other?.datatype || mine.data.length !== other.data.length)
      return { agree: false, maxAbsDiff: null }
    if (isOpaque(mine)) {
      agree &&= mine.data.every((value: unknown, i: number) => value === other.data[i])
      continue
    }
    maxAbsDiff = Math.max(maxAbsDiff ?? 0, distance(mine, other))
  }
  agree &&= maxAbsDiff === null || maxAbsDiff <= tolerance
  return { agree, maxAbsDiff: maxAbsDiff === Infinity ? null : maxAbsDiff }
}

/** Infinite where one is a number and the other is not. */
function distance({ data }: AnswerPart, other: AnswerPart): number {
  let largest = 0
  for (let i = 0; i < data.length; i++) {
    const [a, b] = [Number(data[i]), Number(other.data[i])]
    if (Object.is(a, b) || a === b) continue
    const apart = Math.abs(a - b)
    largest = Math.max(largest, Number.isNaN(apart) ? Infinity : apart)
  }
  return largest
}

/** Texts, and numbers that are kept as their bits. */
function isOpaque({ datatype }: AnswerPart): boolean {
  return datatype === 'BYTES' || datatype === 'FP16' || datatype === 'BF16'
}
