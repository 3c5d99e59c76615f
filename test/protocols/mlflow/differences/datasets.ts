import { INVALID, REFUSED, type Difference } from '../difference.ts'

export const datasets: readonly Difference[] = [
  {
    why: 'MLflow hands on what SQLite said of its unique index.',
    gyre: { 'a key twice': INVALID },
  },
  {
    why: 'MLflow keeps what is missing of a dataset as empty text, though its documents require it.',
    gyre: {
      'raw, without a name': REFUSED,
      'raw, without a digest': REFUSED,
      'raw, without a source_type': REFUSED,
      'raw, without a source': REFUSED,
      'raw, without a dataset': REFUSED,
      'raw, a list of no objects': REFUSED,
    },
  },
]
