/**
 * Solves A·x = b for a symmetric positive definite A, given row-major; only its lower triangle is read.
 * Both arguments are overwritten, `b` becomes x. O(n³). Source: Golub & Van Loan, algorithm 4.2.1.
 */
export function solveCholesky(matrix: Float64Array, vector: Float64Array): void {
  const size = vector.length
  const at = (row: number, column: number) => matrix[row * size + column] ?? 0
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let rest = at(row, column)
      for (let k = 0; k < column; k++) rest -= at(row, k) * at(column, k)
      matrix[row * size + column] = row === column ? Math.sqrt(rest) : rest / at(column, column)
    }
  }
  for (let row = 0; row < size; row++) {
    let rest = vector[row] ?? 0
    for (let k = 0; k < row; k++) rest -= at(row, k) * (vector[k] ?? 0)
    vector[row] = rest / at(row, row)
  }
  for (let row = size - 1; row >= 0; row--) {
    let rest = vector[row] ?? 0
    for (let k = row + 1; k < size; k++) rest -= at(k, row) * (vector[k] ?? 0)
    vector[row] = rest / at(row, row)
  }
}
