import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { parseFilter } from '../store/search/filter-parser.ts'
import { TRACES } from '../store/search/search-dialect.ts'
import { ctx, openJournal, span } from './fixture.ts'

let guide = ''

beforeAll(async () => {
  const docs = join(import.meta.dirname, '..', '..', 'docs')
  guide = await readFile(join(docs, 'guides', 'search.md'), 'utf8')
})

/** What is between `### Traces` and the next heading. */
const section = (): string => /### Traces\n(.*?)\n##/s.exec(guide)?.[1] ?? ''

test('the guide names what can be asked of traces, and nothing else', () => {
  const rows = section().split('\n\n')[0]?.split('\n').slice(2) ?? []
  const named = rows.flatMap((row) => {
    const names = [...(row.split('|')[1] ?? '').matchAll(/`([\w.]+)`/g)].map(([, name]) => name)
    return names.filter((name) => name !== undefined && name !== 'mlflow.traceName')
  })
  const attributes = Object.entries(TRACES.attributes).flatMap(([name, { aliases = [] }]) => [
    name,
    ...aliases,
  ])
  const hanging = Object.entries(TRACES.named ?? {}).flatMap(([entity, fields]) =>
    Object.keys(fields).map((name) => `${entity}.${name}`),
  )
  const keyed = ['tags', 'metadata', 'request_metadata', 'feedback', 'expectation']
  expect(new Set(named)).toEqual(
    new Set([
      ...attributes,
      ...hanging,
      ...[...keyed, 'span.attributes'].map((prefix) => `${prefix}.KEY`),
    ]),
  )
})

test('every example of the guide is taken, and each of its clauses means what its line says', async () => {
  await using journal = await openJournal()
  const { traces } = journal
  await traces.log(ctx, { experiment: 1, origins: [{ resource: [], spans: [span()] }] })
  const examples = [...section().matchAll(/search_traces\(filter_string="(.*?)"(.*)\)/g)]
  expect(examples.length).toBeGreaterThan(5)
  for (const [, filter = '', rest = ''] of examples) {
    const orderBy = [...(/\[(.*)\]/.exec(rest)?.[1] ?? '').matchAll(/"(.*?)"/g)].map(
      ([, order]) => order ?? '',
    )
    const page = await traces.search(ctx, { experiments: [1], filter, orderBy, limit: 9 })
    expect([filter, page.traces]).toEqual([filter, []])
    expect(parseFilter(filter, TRACES).clauses).toHaveLength(filter.split(' AND ').length)
  }
  const clauses = [...section().matchAll(/^\| `([^|`]+ [^|`]+)` \|/gm)].map(([, text]) => text)
  expect(clauses.length).toBeGreaterThan(6)
  for (const filter of clauses)
    expect(parseFilter(filter ?? '', TRACES).clauses.length).toBeGreaterThan(0)
})
