import { expect, test } from 'vitest'
import { readRequest, requestOf, wordsOf } from './request.ts'

test('a parameter that is there twice, or is no pair, is refused', () => {
  for (const [param, message] of [
    [['lr=1', 'lr=2'], /--param: lr is there twice/],
    [['lr'], /expected name=value, got lr/],
  ] as const)
    expect(() => readRequest('/w', 'train.py', [], { param })).toThrow(message)
})

test('an input that is there twice, or has no plain name, is refused', () => {
  for (const [input, message] of [
    [['rows=a', 'rows=b'], /--input: rows is there twice/],
    [['../rows=a'], /--input: expected a plain name, got \.\.\/rows/],
  ] as const)
    expect(() => readRequest('/w', 'train.py', [], { input })).toThrow(message)
})

test('words that somebody else wrote are no request', () => {
  expect(requestOf(['gyre', 'pipeline', 'run', 'train'], '/w')).toBeUndefined()
  expect(requestOf([], '/w')).toBeUndefined()
})

test('the words of a request read back as the same request', () => {
  const request = readRequest('/w', 'train.py', ['--verbose', '-n', 'a b'], {
    entry: 'validate',
    param: ['lr=0.1', 'note=a=b c'],
    input: ['rows=data/rows.csv', 'flights=dataset:flights@3'],
    requirements: 'requirements.txt',
    seed: '-7',
    threads: '2',
    envManager: 'local',
  })
  expect(requestOf(wordsOf(request), '/w')).toEqual(request)
  const bare = readRequest('/w', 'nb.ipynb', [], {})
  expect(wordsOf(bare)).toEqual(['gyre', 'run', 'nb.ipynb'])
  expect(requestOf(wordsOf(bare), '/w')).toEqual(bare)
})
