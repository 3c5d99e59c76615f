import { REFUSED, type Difference } from '../difference.ts'

export const issues: readonly Difference[] = [
  {
    why: 'MLflow takes what it cannot read for what was not said.',
    gyre: { 'raw with causes that are none': REFUSED },
  },
]
