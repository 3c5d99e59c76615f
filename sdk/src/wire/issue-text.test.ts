import { expect, test } from 'vitest'
import { z } from 'zod'
import { issueText } from './issue-text.ts'

test.each<[z.ZodType, unknown, string]>([
  [z.coerce.number(), 'abc', 'expected a number, got NaN'],
  [z.number(), '3', 'expected a number, got "3"'],
  [z.string(), undefined, 'expected a text, got nothing'],
  [z.int(), 1.5, 'expected a whole number, got 1.5'],
  [z.record(z.string(), z.string()), 3, 'expected an object, got 3'],
  [z.array(z.string()), {}, 'expected an array, got {}'],
  [z.enum(['tpe', 'grid']), 'random', 'expected one of tpe, grid, got "random"'],
  [z.literal('arrow'), 'csv', 'expected arrow, got "csv"'],
  [z.strictObject({}), { y: 1, z: 2 }, 'expected no member y, z'],
  [z.string().min(1), '', 'expected at least 1 character'],
  [z.array(z.int()).max(2), [1, 2, 3], 'expected at most 2 items'],
  [z.number().positive(), 0, 'expected more than 0'],
  [z.number().lt(5), 5, 'expected less than 5'],
  [z.string(), Array.from({ length: 40 }, () => 1), `expected a text, got [${'1,'.repeat(29)}1…`],
  [
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('int') }),
      z.object({ kind: z.literal('float') }),
    ]),
    { kind: 'flot' },
    'expected one of int, float',
  ],
  [z.string('expected a letter'), 3, 'expected a letter'],
])('%# is told in words', (schema, value, message) => {
  const issues = schema.safeParse(value, { error: issueText }).error?.issues ?? []
  expect(issues.map((issue) => issue.message)).toEqual([message])
})
