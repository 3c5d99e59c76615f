import { seededRandom } from '../../src/core/random.ts'
import { sigmoid } from '../../src/core/logits.ts'
import { matrixOf, type LabelledRows } from '../../src/train/matrix.ts'

/** Share of the cells that are missing. */
const MISSING = 0.03

/**
 * `rows` rows of ten features, uniform in [-3, 3) with some missing; five of them decide the label, bent
 * and crossed as tables are, and the label is drawn, so that no model reaches an AUC of 1.
 */
export function syntheticRows(rows: number, seed: number): LabelledRows {
  const random = seededRandom(seed)
  const whole = Array.from({ length: 10 }, () =>
    Float32Array.from({ length: rows }, () => random() * 6 - 3),
  )
  const labels = Uint8Array.from({ length: rows }, (_, row) => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = whole.map((column) => column[row] ?? 0)
    const score = 0.8 * a + 0.3 * b + 0.2 * b * c + 0.7 * Math.sin(2 * d) + (e > 0.5 ? 0.8 : 0) - 1
    return Number(random() < sigmoid(score))
  })
  const columns = whole.map((column) => column.map((value) => (random() < MISSING ? NaN : value)))
  return {
    matrix: matrixOf(
      columns.map((_, k) => `f${k}`),
      columns,
    ),
    labels,
  }
}
