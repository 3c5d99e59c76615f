import { INVALID, REFUSED, type Difference } from '../difference.ts'

export const searchExperiments: readonly Difference[] = [
  {
    why: 'One grammar for every search: words of it in any case, attributes with and without their prefix.',
    gyre: {
      "name like 'a%'": ['alpha'],
      "attributes.name = 'alpha'": ['alpha'],
      "attr.name = 'alpha'": ['alpha'],
      'experiment_id = 1': ['alpha'],
      "by ['attributes.name DESC']": ['beta', 'b_ta', 'alpha', 'Default', 'Alpha', '100%'],
    },
  },
  {
    why: 'A second order by the same key says nothing, as MLflow holds for runs.',
    gyre: { "by ['name', 'name DESC']": INVALID },
  },
  {
    why: 'MLflow takes a size that is not said for 0, which it refuses.',
    gyre: {
      'raw GET without a size': ['100%', 'Alpha', 'Default', 'b_ta', 'beta', 'renamed'],
      'raw POST without a size': ['100%', 'Alpha', 'Default', 'b_ta', 'beta', 'renamed'],
    },
  },
  {
    why: 'MLflow takes a view that it does not know for the usual one.',
    gyre: {
      'raw GET with a view that is none': REFUSED,
      'raw POST with a view that is none': REFUSED,
    },
  },
]
