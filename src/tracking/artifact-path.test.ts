import { array, assert, constantFrom, property } from 'fast-check'
import { expect, test } from 'vitest'
import { pathFault } from './artifact-path.ts'

test.each([
  ['up', ['..', '../x', 'a/..', 'a/../b', '../../etc/passwd', 'a/../../b']],
  ['nowhere', ['', '.', './.', 'a/.', './a', '/', 'a//b', 'a/', '/etc/passwd', '//host/share']],
  ['windows', ['..\\..\\x', 'a\\b', 'C:\\x', 'c:/x', 'C:', 'z:x']],
  ['uris', ['file:///etc/passwd', 'FILE:/etc', 'file:x']],
  ['encoded', ['%2e%2e/x', '..%2fx', '%252e%252e%252fx', 'a%5cb', '%00', '%2f', '100%/%2e%2e/x']],
  ['control characters', ['a\u0000b', 'a\nb', '\u007f', 'a\tb']],
  ['broken unicode', ['\ud800', 'a\udc00']],
  ['fragments', ['a#b', '%23']],
])('a path of the family %s is refused', (_family, paths) => {
  for (const path of paths) expect([path, pathFault(path)]).toEqual([path, expect.any(String)])
})

test.each([
  ['a'],
  ['model/MLmodel'],
  ['...'],
  ['.hidden'],
  ['..a/b..'],
  ['héé ✓.txt'],
  ['日本.html'],
  ['\u202egnp.exe'],
  ['100%.txt'],
  ['a%20b.txt'],
  ['a+b&c=d,e;f'],
  ["it's (1) [2] {3}!"],
  ['ab:c'],
  ['a/b:c'],
  ['~t'],
  ['👩‍🚀/👩‍🚀'],
])('%j is a path', (path) => {
  expect(pathFault(path)).toBeUndefined()
})

test('a name of 255 bytes and a path of 1,024 characters are the longest', () => {
  expect(pathFault('é'.repeat(127))).toBeUndefined()
  expect(pathFault('é'.repeat(128))).toMatch(/255 bytes/)
  const long = 'abc/'.repeat(255) + 'abcd'
  expect([long.length, pathFault(long)]).toEqual([1_024, undefined])
  expect(pathFault(`${long}e`)).toMatch(/1024 characters/)
})

test('what passes never leaves its root, however often a reader decodes it', () => {
  const piece = constantFrom('.', '..', '/', '\\', '%', '2e', '2f', '25', 'a', ':', 'C', '5c')
  assert(
    property(array(piece, { maxLength: 12 }), (pieces) => {
      const path = pieces.join('')
      if (pathFault(path) !== undefined) return
      let read = path
      for (let i = 0; i < 6; i++) {
        const { pathname } = new URL(`http://h/root/${read.replaceAll('%', '%25')}`)
        expect(pathname.startsWith('/root/')).toBe(true)
        expect(pathname.split('/').includes('..')).toBe(false)
        read = read.replaceAll(/%([0-7][\da-f])/gi, (_, hex) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        )
      }
    }),
    { numRuns: 2_000 },
  )
})
