import type { Difference } from '../difference.ts'

export const experiments: readonly Difference[] = [
  {
    why: 'MLflow hands on what SQLite said of its unique index.',
    gyre: { 'rename to a name that is taken': { error: 'RESOURCE_ALREADY_EXISTS' } },
  },
]
