import { ModelName } from '@gyre/sdk/wire/ref'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { readVersionLocation, versionLocation } from './version-location.ts'

test.each([
  ['churn', 'registry/churn/7'],
  ['a.b-c_d', 'registry/a.b-c_d/7'],
  ['my model', 'registry/~bXkgbW9kZWw/7'],
  ['~x', 'registry/~fng/7'],
])('version 7 of %s lies in %s', (name, folder) => {
  expect(versionLocation({ name, version: 7 })).toBe(folder)
  expect(readVersionLocation(folder)).toEqual({ name, version: 7, path: '' })
  expect(readVersionLocation(`${folder}/a/b c`)).toEqual({ name, version: 7, path: 'a/b c' })
})

test.each([
  'churn/7',
  'registry',
  'registry/churn',
  'registry/churn/x',
  'registry/churn/0',
  'registry/churn/07',
  'registry/my model/7',
  'registry/~churn/7',
  'registry/~Y2h1cm4/7',
  'registry/~bXkgbW9kZWw=/7',
  '0/run_1/artifacts/registry/churn/7',
])('%s is no place of a version', (text) => {
  expect(readVersionLocation(text)).toBeUndefined()
})

test('however often a client decodes the place of a version, it stays the same', () => {
  const unit = fc.constantFrom(...Array.from('aB7 @%~.-_!()\'"?#&+=\n\u202e\u0301é日🙂'))
  const names = fc.string({ unit }).filter((s) => ModelName.safeParse(s).success)
  fc.assert(
    fc.property(names, fc.integer({ min: 1, max: 999_999_999 }), (name, version) => {
      const folder = versionLocation({ name, version })
      expect(decodeURIComponent(folder)).toBe(folder)
      expect(encodeURI(folder)).toBe(folder)
      expect(readVersionLocation(folder)).toEqual({ name, version, path: '' })
    }),
  )
})
