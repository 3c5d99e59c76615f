import { INVALID, REFUSED, type Difference } from '../difference.ts'

export const searchRuns: readonly Difference[] = [
  {
    why: 'A doubled quote is the quote itself, as in SQL; MLflow has no way to say both kinds in one text.',
    gyre: { "tags.team = 'it''s \"q\"'": ['c'], 'a doubled quote': ['c'] },
  },
  {
    why: 'MLflow reads `metrics. > 0.7` as a metric without a name, and finds nothing.',
    gyre: { 'metrics. > 0.7': INVALID },
  },
  {
    why: 'The names of an attribute are the same in filters and orders.',
    gyre: { "by ['attributes.`Run name`']": ['a', 'b', 'c', 'd', 'e', 'f', 'g'] },
  },
  {
    why: 'MLflow takes what it cannot read for what was not said, and answers another question.',
    gyre: {
      'raw, ids as numbers': REFUSED,
      'raw, a view that is none': REFUSED,
      'raw, a view in lower case': REFUSED,
      'raw, a size and a half': REFUSED,
    },
  },
]
