import { ModelName, RefText } from '@gyre/sdk/wire/ref'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatRef, parseRef } from './ref.ts'

test.each([
  'churn@7',
  'model:churn',
  'model:@7',
  'model:churn@',
  'model:chu%zzrn@7',
  'model:a%2Fb@1',
  'model:a%3Ab@1',
  'model:..%2e@1',
  'model:%00@1',
  'model:churn@a%20b',
  'dataset:my%20rows@1',
  'weather:churn@7',
])('%s is no reference', (text) => {
  expect(() => parseRef(text)).toThrow('expected a reference like model:churn@7')
})

test.each([
  ['churn', 'model:churn@7'],
  ['my model', 'model:my%20model@7'],
  ['a@b', 'model:a%40b@7'],
  ['100%', 'model:100%25@7'],
  ['é🙂', 'model:%C3%A9%F0%9F%99%82@7'],
])('version 7 of %s is written %s, and read again', (name, text) => {
  const ref = { kind: 'model', name, version: '7' } as const
  expect(formatRef(ref)).toBe(text)
  expect(parseRef(text)).toEqual(ref)
})

// Asked of mlflow 3.17.2's own server, by creating each; NUL and more than 500 characters it takes too.
test.each([
  [
    true,
    ['A', 'a b', 'é🙂', 'a.b', 'a..b', 'a ', ' a', 'a\nb', '12', 'm-abc', 'a@b', 'a%2fb', '%'],
  ],
  [true, ['a"b', "a'b", '\u202eabc', 'a?b#c', '-a', 'x'.repeat(500)]],
  [false, ['', '   ', '.', '..', '..x', '../x', 'a/b', 'a:b', 'a\0b', '\ud800', 'x'.repeat(501)]],
])('%s for the names of models %j', (isName, names) => {
  expect(names.filter((name) => ModelName.safeParse(name).success === isName)).toEqual(names)
})

test('every name that a model may have goes into a reference and comes out again', () => {
  const unit = fc.constantFrom(...Array.from('aB7 @%~.-_!()\'"?#&+=\n\u202e\u0301é日🙂'))
  const names = fc.string({ unit }).filter((s) => ModelName.safeParse(s).success)
  fc.assert(
    fc.property(names, fc.stringMatching(/^[\w.-]{1,20}$/), (name, version) => {
      const ref = { kind: 'model', name, version } as const
      const text = formatRef(ref)
      expect(RefText.safeParse(text).success).toBe(true)
      expect(parseRef(text)).toEqual(ref)
    }),
  )
})
