import { INVALID, type Difference } from '../difference.ts'

const F1 = {
  dataset_digest: null,
  dataset_name: null,
  key: 'f1',
  model_id: '<model 2>',
  run_id: '<run 1>',
  step: 1,
  timestamp: 1700000000000,
  value: '0.8',
}

export const loggedModels: readonly Difference[] = [
  {
    why: 'The column of the name holds 500 characters; SQLite lets MLflow put more into it, its other stores do not.',
    gyre: { "create 'xxxxxxxxxxxx' of 501": INVALID },
  },
  {
    why: 'MLflow hands on what SQLite said of its unique indexes. Saying the same again changes nothing.',
    gyre: {
      'a param again': null,
      'a param, changed': INVALID,
      'measure what is not there': INVALID,
      'outputs again, at another step': null,
      'what the run made': [
        ['first', 5],
        ['full', 4],
        ['nobody', 0],
      ],
    },
  },
  {
    why: 'MLflow keeps NaN of a model as 0, and compares and sorts it so.',
    gyre: {
      'measurements of another': [F1, { ...F1, key: 'loss', step: 0, value: 'NaN' }],
      'on a dataset': ['a', 'b'],
      "by [{'field_name': 'metrics.auc', 'ascending': True}, {'field_name': 'name'}]": [
        'a',
        'b',
        'c',
        'd',
      ],
      "by [{'field_name': 'metrics.auc', 'dataset_name': 'test', 'dataset_digest': 'd9'}, {'field_name': 'name'}]":
        ['a', 'b', 'c', 'd'],
    },
  },
  {
    why: 'A dataset without a digest is any of that name; MLflow looks for one whose digest is empty.',
    gyre: { 'on a dataset by name': ['a', 'b'] },
  },
  {
    why: 'One grammar for every search: a prefix in the singular too, and text in quotes only.',
    gyre: { "attribute.name = 'a'": ['a'], 'name = a': INVALID },
  },
  {
    why: 'A page has 1 to 50,000 rows, as in every other search.',
    gyre: { 'a page of -1': INVALID, 'a page of 50001': INVALID },
  },
]
