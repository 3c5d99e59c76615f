import { afterAll, beforeAll, expect, test } from 'vitest'
import { csvSpec, ctx, openDataBench, type DataBench } from './fixture.ts'

let bench: DataBench
beforeAll(async () => {
  bench = await openDataBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const refused: readonly [string, string, RegExp][] = [
  ['a second statement', '1; DROP TABLE x', /syntax error/],
  ['a bracket too many', '1) AS a, (2', /expected a single expression/],
  ['an unclosed comment', '1 /*', /derive\.d/],
  ['two expressions', '1, 2', /expected a single value, got STRUCT/],
  ['a list', '[x]', /expected a single value, got BIGINT\[\]/],
  ['a subquery', '(SELECT max(x) FROM s)', /got subquery/],
  ['a file behind a subquery', "(SELECT content FROM read_text('/etc/passwd'))", /got subquery/],
  ['a window', 'sum(x) OVER ()', /got window/],
  ['an aggregate', 'sum(x)', /sum is not a function that depends on its arguments alone/],
  ['chance', 'random() + x', /random is not/],
  ['the clock', 'now()', /now is not/],
  ['the clock in disguise', 'current_timestamp', /no column current_timestamp/],
  ['a setting', "current_setting('temp_directory')", /current_setting is not/],
  ['a lambda', 'list_transform([x], lambda y: y)', /got lambda/],
  ['every column', '*', /got star/],
  ['a parameter', '$1', /got parameter/],
  ['an unknown column', 'z + 1', /no column z; there are x, word, row/],
  ['an unknown function', 'shout(x)', /shout is not/],
  ['types that do not go together', 'x + word', /derive\.d/],
]

test.each(refused)('%s is no derived column', async (_, expression, message) => {
  const columns = { x: { type: 'int' }, word: { type: 'text' } } as const
  const source = await bench.upload('x,word\n1,a\n')
  const spec = csvSpec(columns, { derive: { d: expression } })
  await expect(bench.data.importVersion(ctx, spec, source)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
    details: { field: 'derive.d' },
  })
})

test.each([
  ['x > 15 AND NOT x IN (20, 30)', 'true'],
  ['CASE WHEN x BETWEEN 1 AND 20 THEN coalesce(nullif(x, 20), -1) ELSE 0 END', '17'],
  ['extract(hour FROM day) -- of the departure', '8'],
  ['day + to_minutes(30) + INTERVAL 1 HOUR', String(Date.UTC(2001, 0, 1, 9, 30))],
  ["upper(word) || split_part('a-b', '-', 2)", 'ABb'],
])('%s is one', async (expression, value) => {
  const columns = {
    x: { type: 'int' },
    day: { type: 'timestamp' },
    word: { type: 'text' },
  } as const
  const source = await bench.upload('x,day,word\n17,2001-01-01 08:00:00,ab\n')
  const spec = csvSpec(columns, { derive: { d: expression } })
  const { digest } = await bench.data.importVersion(ctx, spec, source)
  const path = bench.store.blobs.pathOf(digest as `sha256:${string}`)
  const [row] = await bench.store.analytics.query(`SELECT d FROM read_parquet('${path}')`)
  expect(String(row?.['d'] as string | number | boolean)).toBe(value)
})
