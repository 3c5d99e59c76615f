import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { readMlModel } from '../core/formats/mlmodel.ts'
import { conversionPlan } from './conversion-plan.ts'

const files = (...paths: readonly string[]) =>
  paths.map((path) => ({
    path,
    artifact: { digest: digestOf(path), bytes: 1, mediaType: 'application/octet-stream' },
  }))

/** As mlflow 3.17.2 writes it, cut to what is read. */
const sklearn = (change: object = {}, rest: object = {}) =>
  readMlModel(
    JSON.stringify({
      flavors: {
        python_function: { predict_fn: 'predict_proba' },
        sklearn: { pickled_model: 'model.skops', sklearn_version: '1.9.1', ...change },
      },
      ...rest,
    }),
  )

test.each([
  ['a file that is not there', sklearn({ pickled_model: 'other.pkl' }), /got other\.pkl/],
  ['no file', sklearn({ pickled_model: undefined }), /flavors\.sklearn: .*got none/],
  ['no version', sklearn({ sklearn_version: undefined }), /the version of sklearn, got ""/],
  [
    'a version that would reach pip',
    sklearn({ sklearn_version: '1.9 --index-url http://x' }),
    /the version of sklearn/,
  ],
])('%s is refused by name', (_, mlModel, message) => {
  expect(() => conversionPlan(mlModel, files('model.skops'))).toThrow(message)
})

test('what no converter knows has no plan', () => {
  const mlModel = readMlModel('flavors: {pytorch: {}, python_function: {}}')
  expect(conversionPlan(mlModel, [])).toBeUndefined()
})

test.each([
  ['model.skops', 'skops'],
  ['model.pkl', 'pickle'],
  ['model', 'pickle'],
  ['model.ubj', 'native'],
  ['model.lgb', 'native'],
])('%s is read as %s', (file, format) => {
  expect(conversionPlan(sklearn({ pickled_model: file }), files(file))).toMatchObject({ format })
})

test('the signature and the example say what a row is', () => {
  const inputs = JSON.stringify([{ name: 'a', type: 'double', required: true }])
  const rest = {
    signature: { inputs },
    saved_input_example_info: { artifact_path: 'input_example.json', type: 'dataframe' },
  }
  const table = conversionPlan(sklearn({}, rest), files('model.skops', 'input_example.json'))
  expect(table).toMatchObject({
    library: 'sklearn',
    version: '1.9.1',
    predict: 'predict_proba',
    columns: [{ name: 'a', type: 'double' }],
    width: null,
    example: 'input_example.json',
  })
  const tensors = JSON.stringify([
    { type: 'tensor', 'tensor-spec': { dtype: 'float64', shape: [-1, 4] } },
  ])
  const array = sklearn({}, { ...rest, signature: { inputs: tensors } })
  expect(conversionPlan(array, files('model.skops'))).toMatchObject({
    columns: null,
    width: 4,
    example: null,
  })
})
