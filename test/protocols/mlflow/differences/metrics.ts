import { MISSING, REFUSED, type Difference } from '../difference.ts'

export const metrics: readonly Difference[] = [
  {
    why: 'A mistyped run id looks like a run without points. Answers for many runs leave it out, as with MLflow.',
    gyre: { 'history of a run that is not there': MISSING },
  },
  {
    why: 'MLflow takes a page size that it cannot read for none.',
    gyre: { 'a page of x': REFUSED },
  },
]
