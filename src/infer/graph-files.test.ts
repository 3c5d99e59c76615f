import { expect, test } from 'vitest'
import { digestOf } from '../core/digest.ts'
import { graphFiles } from './graph-files.ts'

const file = (path: string) => ({
  path,
  artifact: { digest: digestOf(path), bytes: 1, mediaType: 'application/octet-stream' },
})

const FLAVORS = 'flavors:\n  onnx:\n    data: net/graph.onnx\n  python_function: {}\n'

test.each([
  ['no files of a model', [file('readme')], undefined, /it has no model\.onnx and no MLmodel/],
  [
    'a file that is not there',
    [file('model.onnx')],
    FLAVORS,
    /names net\/graph\.onnx, which is not/,
  ],
  ['a path out of the model', [file('model.onnx')], 'flavors: {onnx: {data: ../x}}', /\.\.\/x/],
  [
    'a model of another library',
    [file('model.pkl')],
    'flavors: {sklearn: {}, python_function: {}}',
    /expected the flavor onnx, got sklearn, python_function/,
  ],
  ['no flavors', [file('model.onnx')], 'flavors: []', /^MLmodel: flavors: /],
  ['no YAML', [file('model.onnx')], '{', /^MLmodel: /],
])('%s is refused by name', (_, entries, mlModel, message) => {
  expect(() => graphFiles('sha256:1', entries, mlModel)).toThrow(message)
})

test('the MLmodel says which file is the graph; weights may lie in its folder', () => {
  const files = [file('MLmodel'), file('net/graph.onnx'), file('net/w/1.data'), file('conda.yaml')]
  const { onnx, beside } = graphFiles('sha256:1', files, FLAVORS)
  expect(onnx).toEqual(file('net/graph.onnx').artifact)
  expect(beside.map(({ path }) => path)).toEqual(['w/1.data'])
  const plain = graphFiles('sha256:1', [file('model.onnx'), file('w.data')], undefined)
  expect(plain.onnx).toEqual(file('model.onnx').artifact)
  expect(plain.beside.map(({ path }) => path)).toEqual(['w.data'])
})
