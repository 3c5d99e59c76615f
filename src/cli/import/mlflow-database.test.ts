import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { changeDatabase, unpacked } from '../../store/foreign-fixture.ts'
import { readAll } from './fixture.ts'
import { openMlflowDatabase } from './mlflow-database.ts'
import { createTally } from './tally.ts'

async function openStore(...changes: string[]) {
  const folder = await unpacked('mlflow-database')
  const path = join(folder, 'mlflow.db')
  changeDatabase(path, changes)
  return { folder, path }
}

async function read(path: string, copies: readonly string[] = []) {
  const tally = createTally()
  const source = await readAll(await openMlflowDatabase(tally, path, copies))
  return { source, ...tally.report() }
}

test('a file that is no database of MLflow is refused', async () => {
  const { folder } = await openStore()
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text)
    return join(folder, name)
  }
  const strange = join(folder, 'strange.db')
  changeDatabase(strange, ['CREATE TABLE runs (id)'])
  for (const [path, reason] of [
    [
      await write('text.db', 'this is a text, and a long one. '.repeat(40)),
      /file is not a database/,
    ],
    [await write('empty.db', ''), /has the tables experiments, runs, params, tags, metrics/],
    [strange, /has the tables experiments, params, tags, metrics$/],
    [join(folder, 'nowhere.db'), /expected an SQLite database/],
    [(await openStore('DROP TABLE params')).path, /has the tables params$/],
  ] as const)
    await expect(read(path)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(reason),
    })
})

test('a damaged database is refused where it is damaged', async () => {
  const { path } = await openStore()
  const bytes = await readFile(path)
  await writeFile(path, bytes.fill(0x41, 1_500_000, 1_700_000))
  await expect(read(path)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: `${path}: database disk image is malformed`,
  })
})

test('a database that somebody else has open is read', async () => {
  const { path } = await openStore('PRAGMA journal_mode = WAL', 'UPDATE runs SET name = name')
  const { source, refused } = await read(path)
  expect(source.runs).toHaveLength(7)
  expect(refused).toBe(0)
})

test('rows that make no sense are refused by their place, the others come', async () => {
  const { path } = await openStore(
    'PRAGMA ignore_check_constraints = ON',
    "UPDATE runs SET status = 'DANCING' WHERE name = 'failed'",
    "UPDATE runs SET start_time = -5 WHERE name = 'still running'",
    "UPDATE metrics SET value = 'abc' WHERE key = 'again' AND step = 2",
    "UPDATE spans SET content = '{' WHERE name = 'break'",
    "UPDATE assessments SET value = 'no JSON' WHERE name = 'length'",
    "UPDATE trace_info SET status = 'DANCING' WHERE trace_name = 'ask'",
    "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id) VALUES ('x', 'MOON', '1', 'RUN', '2')",
    "INSERT INTO entity_associations VALUES ('a', 'moon', '1', 'run', '2', 0)",
    "INSERT INTO params VALUES ('lost', '1', 'nobody')",
    "INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source) VALUES ('d', 1, 'n', 'd', 't', 's')",
    'CREATE TABLE moons (name TEXT)',
    "INSERT INTO moons VALUES ('Io'), ('Europa')",
  )
  const { source, refusals, counts } = await read(path)
  expect(refusals.map(({ kind, what, reason }) => `${kind}: ${what}: ${reason}`)).toEqual([
    expect.stringMatching(/^points: row \d+ of metrics: value: /),
    expect.stringMatching(/^runs: row \d of runs: status: /),
    expect.stringMatching(/^runs: run [0-9a-f]{32}: startMs: /),
    expect.stringMatching(/^traces: row \d of trace_info: status: /),
    expect.stringMatching(/^traces: row \d of trace_info: status: /),
    expect.stringMatching(/^spans: break of trace tr-[0-9a-f]{32}: /),
    expect.stringMatching(/^links: rows of the table entity_associations: /),
    expect.stringMatching(/^inputs: rows of the table inputs: /),
    'moons: the table moons: Gyre has no place for its rows yet',
    'datasets: rows of the table datasets: no run uses them',
    ...['params', 'tags', 'trace_tags', 'trace_request_metadata', 'spans', 'assessments'].map(
      (table) => expect.stringContaining(`rows of the table ${table}: they belong to nothing that`),
    ),
  ])
  // One of no run; those of two traces that make no sense, of three.
  expect(counts['params']).toMatchObject({ found: 1, refused: 1 })
  expect(counts['spans']).toMatchObject({ refused: 5 })
  expect(counts['moons']).toMatchObject({ found: 2, refused: 2 })
  expect(source.runs).toHaveLength(5)
  expect(source.traces.map(({ trace }) => trace.spans)).toEqual([[]])
})

test('a database that an older MLflow made has less in it', async () => {
  const later = ['inputs', 'input_tags', 'datasets', 'registered_model_aliases', 'spans', 'entity_associations', 'assessments'] // prettier-ignore
  const models = ['metrics', 'params', 'tags'].map((part) => `logged_model_${part}`)
  const { path } = await openStore(
    ...[...later, ...models, 'logged_models'].map((table) => `DROP TABLE ${table}`),
    ...[
      'request_preview',
      'response_preview',
      'client_request_id',
      'trace_name',
      'input_tokens',
    ].map((column) => `ALTER TABLE trace_info DROP COLUMN ${column}`),
    'ALTER TABLE runs DROP COLUMN deleted_time',
  )
  const { source, refusals } = await read(path)
  expect(source.runs).toHaveLength(7)
  expect(source.runs.flatMap(({ points }) => points)).toHaveLength(10_522)
  expect(source.runs.flatMap(({ run }) => run.datasets)).toEqual([])
  // A span is looked for where it was kept then; a version of a model that was logged has no files.
  expect(refusals.map(({ kind }) => kind)).toEqual(['model versions'])
  expect(source.versions).toHaveLength(4)
})

test('artifacts are read beside the database and where they are given, and nowhere else', async () => {
  const { path, folder } = await openStore(
    "UPDATE runs SET artifact_uri = '/etc' WHERE name = 'grid'",
    "UPDATE runs SET artifact_uri = 's3://bucket/1/x/artifacts' WHERE name = 'failed'",
    "UPDATE runs SET artifact_uri = '../../../etc' WHERE name = 'lr 0.1'",
    "UPDATE runs SET artifact_uri = 'file:///etc' WHERE name = 'lr 0.2'",
  )
  const { source, refusals } = await read(path)
  expect(source.runs.flatMap(({ files }) => files)).toEqual([])
  const reasons = refusals.filter(({ kind }) => kind === 'artifact roots')
  expect(reasons.map(({ what, reason }) => `${what}: ${reason}`)).toEqual([
    '/etc: /etc is outside of what is imported: --artifacts FOLDER lets it in',
    expect.stringMatching(/^\.\.\/\.\.\/\.\.\/etc: /),
    'file:///etc: /etc is outside of what is imported: --artifacts FOLDER lets it in',
    's3://bucket/: it is not on this machine: --artifacts FOLDER says where its copy is',
  ])
  expect(source.loggedModels.flatMap(({ files }) => files.map(({ from }) => from.startsWith(folder)))).toEqual([true, true, true]) // prettier-ignore
})
