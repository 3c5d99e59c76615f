import { INVALID, REFUSED, type Difference } from '../difference.ts'

export const searchModels: readonly Difference[] = [
  {
    why: 'One grammar for every search: attributes in backticks, with and without their prefix.',
    gyre: {
      "models: `name` = 'alpha'": ['alpha'],
      "models: attributes.name = 'alpha'": ['alpha'],
      'versions: attributes.version_number = 1': ['100% 1', 'alpha 1', 'beta 1'],
    },
  },
  {
    why: 'A page has 1 row at least, as in every other search.',
    gyre: { 'models, a page of 0': INVALID, 'models, a page of -1': INVALID },
  },
  {
    why: 'MLflow takes the first of two filters and forgets the other.',
    gyre: { 'raw models, a filter twice': REFUSED, 'raw versions, a filter twice': REFUSED },
  },
]
