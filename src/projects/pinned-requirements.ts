import { GyreError } from '../core/errors.ts'

/**
 * Throws INVALID_ARGUMENT naming the field, file and line of a requirement without a version: it would make another
 * environment tomorrow.
 */
export function assertPinned(field: string, path: string, text: string): void {
  const lines = text.replaceAll('\\\n', ' ').split('\n')
  for (const [i, line] of lines.entries()) {
    const bare = line.replace(/(^|\s)#.*/, '').trim()
    if (bare === '' || bare.startsWith('-') || /==|===| @ /.test(bare)) continue
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${field}: ${path} line ${i + 1}: expected NAME==VERSION, got ${bare}`,
      { field },
    )
  }
}
