import { assert, json, property } from 'fast-check'
import { expect, test } from 'vitest'
import { rewriteOutsideStrings } from './json-stretches.ts'

const hash = (text: string) => rewriteOutsideStrings(text, (part) => part.replaceAll(/./g, '#'))

test('strings stay, whatever is in them; what is no JSON ends somewhere', () => {
  expect(hash('')).toBe('')
  expect(hash(String.raw`{"a\"": 1, "\\": [2]}`)).toBe(String.raw`#"a\""#####"\\"######`)
  expect(hash('1"2')).toBe('#"2')
  expect(hash(String.raw`"\"`)).toBe(String.raw`"\"`)
})

test('a rewrite that changes nothing gives any JSON back, and sees none of its strings', () => {
  assert(
    property(json(), (text) => {
      const seen: string[] = []
      const same = rewriteOutsideStrings(text, (part) => {
        seen.push(part)
        return part
      })
      expect(same).toBe(text)
      expect(seen.join('')).toMatch(/^[\s[\]{}:,\d.eE+\-truefalsn]*$/)
    }),
  )
})

test('a string of ten megabytes of escapes is no matter', () => {
  const long = `["${'\\n'.repeat(5_000_000)}",7]`
  expect(rewriteOutsideStrings(long, (part) => part.replace('7', '8'))).toBe(
    long.replace(',7]', ',8]'),
  )
})
