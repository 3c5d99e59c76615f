import { REFUSED, type Difference } from '../difference.ts'

export const batches: readonly Difference[] = [
  {
    why: 'MLflow stores 0 for a value or a step that it cannot read, and answers that all is well.',
    gyre: {
      'raw, a value that is no number': REFUSED,
      'raw, a value that is no number: kept': [0, 0, 0],
      'raw, a step above int64': REFUSED,
      'raw, a step above int64: kept': [0, 0, 0],
      'raw, a step and a half': REFUSED,
      'raw, a step and a half: kept': [0, 0, 0],
    },
  },
]
