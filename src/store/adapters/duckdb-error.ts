import { GyreError, type ErrorCode } from '../../core/errors.ts'

const FIRST_WORDS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/no space left/i, 'DISK_FULL'],
  [/^Out of Memory Error/, 'OVERLOADED'],
  [/^(INTERNAL Error|FATAL Error|Internal Error)/, 'INTERNAL'],
]

/** DuckDB's errors begin with their kind; most kinds mean that the SQL, or a file it names, is at fault. */
export function duckdbError(thrown: unknown): GyreError {
  if (thrown instanceof GyreError) return thrown
  const told = thrown instanceof Error ? thrown.message : String(thrown)
  const message = told.replace(/^Failed to extract statements: /, '')
  const known = FIRST_WORDS.find(([words]) => words.test(message))
  return new GyreError(known?.[1] ?? 'INVALID_ARGUMENT', message, {}, thrown)
}

export function cancelledError(): GyreError {
  return new GyreError('CANCELLED', 'the query was cancelled')
}
