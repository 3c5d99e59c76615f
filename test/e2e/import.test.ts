import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { changeDatabase, unpacked } from '../../src/store/foreign-fixture.ts'
import { readBack } from './mlflow-readback.ts'
import { begin, build, gyre, up, type Begun } from './program.ts'

beforeAll(() => build())

const Counts = z.object({
  found: z.int(),
  imported: z.int(),
  there: z.int(),
  leftOut: z.int(),
  refused: z.int(),
})
const Report = z.object({ counts: z.record(z.string(), Counts), refused: z.int() })

/** What `gyre import` says, and the report that it writes. */
async function importFrom(url: string, tracker: string, path: string, ...more: string[]) {
  const file = join(await tempFolder(), 'report.json')
  const ended = await gyre(['import', tracker, path, '--url', url, '--json', file, ...more])
  const report = await readFile(file, 'utf8').catch(() => undefined)
  return { ...ended, report: report === undefined ? undefined : Report.parse(JSON.parse(report)) }
}

interface Made {
  readonly experiments: Record<string, MadeExperiment>
  readonly models: Readonly<Record<string, { tags: object; versions: Record<string, object> }>>
  readonly linked?: object
}

interface MadeExperiment {
  created: number
  readonly runs: Readonly<Record<string, MadeRun>>
  readonly traces: Readonly<
    Record<string, { spans: Record<string, object>; assessments: object[] }>
  >
  readonly logged_models: Readonly<Record<string, object>>
}

interface MadeRun {
  readonly newest: Record<string, string>
  readonly params: object
  readonly metrics: Readonly<Record<string, { points: number } | string[][]>>
  readonly datasets: readonly object[]
}

/** What MLflow's own client reads of a fixture (test/fixtures/import/make_mlflow.py). */
function made(name: string): Made {
  return JSON.parse(readFileSync(`test/fixtures/import/mlflow-${name}.expected.json`, 'utf8'))
}

/** How many things of each kind that is. */
function countsOf({ experiments, models }: Made): Readonly<Record<string, number>> {
  const all = Object.values(experiments)
  const runs = all.flatMap((one) => Object.values(one.runs))
  const traces = all.flatMap((one) => Object.values(one.traces))
  const points = runs.flatMap((run) => Object.values(run.metrics))
  return {
    experiments: all.length,
    runs: runs.length,
    params: sum(runs.map((run) => Object.keys(run.params).length)),
    datasets: sum(runs.map((run) => run.datasets.length)),
    points: sum(points.map((one) => ('points' in one ? one.points : one.length))),
    traces: traces.length,
    spans: sum(traces.map((trace) => Object.keys(trace.spans).length)),
    assessments: sum(traces.map((trace) => trace.assessments.length)),
    'logged models': sum(all.map((one) => Object.keys(one.logged_models).length)),
    'registered models': Object.keys(models).length,
    'model versions': sum(Object.values(models).map((one) => Object.keys(one.versions).length)),
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

/**
 * What Gyre's door shows of it. The attributes of spans and the rest of them are compared by the protocol test; a
 * version is changed when it is moved into its stage, which is now; `Default` was here before.
 */
function atTheDoor({ experiments, models }: Made): object {
  const shown = structuredClone({ experiments, models })
  for (const one of Object.values(shown.experiments)) {
    for (const { spans } of Object.values(one.traces))
      for (const [id, span] of Object.entries(spans)) spans[id] = Span.parse(span)
    for (const { metrics, newest } of Object.values(one.runs)) {
      for (const points of Object.values(metrics))
        if (Array.isArray(points)) for (const point of points) point[2] = finite(point[2] ?? '')
      // Of a point with a dataset MLflow's reader of its files takes no step; the file has it.
      if (Array.isArray(metrics['auc']) && metrics['auc'][0]?.[1] === '0')
        metrics['auc'][0][1] = '3'
      for (const [key, value] of Object.entries(newest)) newest[key] = finite(value)
    }
  }
  for (const { versions } of Object.values(shown.models))
    for (const [number, version] of Object.entries(versions))
      versions[number] = Version.parse(version)
  return shown
}

const Span = z.object({ id: z.string(), parent: z.string().nullable(), name: z.string(), start: z.string(), end: z.string() }) // prettier-ignore
const Version = z.object({
  stage: z.string(),
  description: z.string().nullable(),
  run: z.string().nullable(),
  created: z.number(),
  tags: z.record(z.string(), z.string()),
})

/** MLflow's server has no infinities and no −0: `1.797e308` and 0 stand for them. Of its folders its client reads them. */
function finite(hex: string): string {
  return FINITE[hex] ?? hex
}

const FINITE: Readonly<Record<string, string>> = {
  '7ff0000000000000': '7fefffffffffffff',
  fff0000000000000: 'ffefffffffffffff',
  '8000000000000000': '0000000000000000',
}

/** The numbers that experiments have here, as MLflow's client names them in the tag of a prompt. */
async function shownIn(url: string, name: string): Promise<string> {
  const query = new URLSearchParams({ experiment_name: name }).toString()
  const reply = await fetch(`${url}/api/2.0/mlflow/experiments/get-by-name?${query}`)
  const { experiment } = z
    .object({ experiment: z.object({ experiment_id: z.string() }) })
    .parse(await reply.json())
  return `,${experiment.experiment_id},`
}

/** Everything once: what the report counts, what can be read, and that nothing is left to import. */
async function expectWhole(url: string, name: string, path: string): Promise<void> {
  const given = made(name)
  const back = Shown.parse(await readBack(url))
  Object.assign(given.experiments, { Default: back.experiments['Default'] })
  const number = await shownIn(url, 'flights')
  Object.assign(given.models['greet']?.tags ?? {}, { _mlflow_experiment_ids: number })
  expect(back).toEqual(atTheDoor(given))
  const { report, code } = await importFrom(url, 'mlflow', path)
  expect(code).toBe(0)
  expect(Object.values(report?.counts ?? {}).map(({ imported }) => imported)).toEqual(
    Object.values(report?.counts ?? {}).map(() => 0),
  )
  for (const [kind, count] of Object.entries(countsOf(given)))
    expect([kind, report?.counts[kind]?.there]).toEqual([kind, count])
  expect(Shown.parse(await readBack(url))).toEqual(back)
}

const Shown = z.custom<Made>((value) => typeof value === 'object')

const SOURCES = [
  ['folder', 'mlruns'],
  ['database', 'mlflow.db'],
] as const

test.for(SOURCES)('a %s of MLflow comes whole, and once', async ([name, path]) => {
  const source = join(await unpacked(`mlflow-${name}`), path)
  const { url } = await up(await tempFolder())
  const planned = await importFrom(url, 'mlflow', source, '--dry-run')
  expect(planned.code).toBe(0)
  expect(planned.stdout).toMatch(/nothing was sent\n$/)
  const first = await importFrom(url, 'mlflow', source)
  expect(first.code).toBe(0)
  for (const [kind, count] of Object.entries(countsOf(made(name)))) {
    expect([kind, planned.report?.counts[kind]?.found]).toEqual([kind, count])
    const { found, imported = 0, there = 0 } = first.report?.counts[kind] ?? {}
    expect([kind, found, imported + there]).toEqual([kind, count, count])
  }
  await expectWhole(url, name, source)
})

/** Stands before a server; at the `last` request of an import it calls `cut`, before or after that is answered. */
async function openGate(
  target: { url: string },
  last: number,
  cut: (phase: 'sent' | 'answered') => void,
) {
  // prettier-ignore
  let seen = 0
  const gate = createServer((incoming, outgoing) => {
    const isLast = (incoming.url ?? '').startsWith('/api/v1/import/') && ++seen === last
    const { method = 'GET', headers } = incoming
    const sending = request(target.url + (incoming.url ?? ''), { method, headers }, (reply) => {
      if (isLast) cut('answered')
      outgoing.writeHead(reply.statusCode ?? 500, reply.headers)
      reply.pipe(outgoing)
    })
    sending.once('error', () => outgoing.destroy())
    outgoing.once('error', () => sending.destroy())
    incoming.once('end', () => isLast && cut('sent'))
    incoming.pipe(sending)
  }).listen(0, '127.0.0.1')
  await once(gate, 'listening')
  onTestFinished(() => void gate.close())
  const address = gate.address()
  if (address === null || typeof address === 'string') throw new Error('no TCP address')
  return { url: `http://127.0.0.1:${address.port}`, seen: () => seen }
}

test('an import that is killed goes on where it was, at whichever request', async () => {
  const source = join(await unpacked('mlflow-database'), 'mlflow.db')
  for (const last of [2, 5]) {
    const server = await up(await tempFolder())
    let begun: Begun | undefined
    const gate = await openGate(server, last, (phase) => phase === 'answered' && begun?.kill())
    begun = begin(['import', 'mlflow', source, '--url', gate.url])
    expect((await begun.ended).code).toBeNull()
    expect(gate.seen()).toBeGreaterThanOrEqual(last)
    const rest = await importFrom(server.url, 'mlflow', source)
    expect(rest.code).toBe(0)
    await expectWhole(server.url, 'database', source)
    await server.stop('SIGKILL')
  }
})

test('a server that is killed has all of a request or nothing, and the next import the rest', async () => {
  const source = join(await unpacked('mlflow-folder'), 'mlruns')
  for (const last of [3, 9]) {
    const data = await tempFolder()
    const server = await up(data)
    const gate = await openGate(server, last, (phase) => phase === 'sent' && void server.stop('SIGKILL')) // prettier-ignore
    const cut = await gyre(['import', 'mlflow', source, '--url', gate.url])
    expect(cut.code).toBe(1)
    expect(cut.stderr).toMatch(/^gyre: /)
    const again = await up(data)
    expect((await importFrom(again.url, 'mlflow', source)).code).toBe(0)
    await expectWhole(again.url, 'folder', source)
    await again.stop('SIGKILL')
  }
})

test('runs of W&B come whole, and once; what cannot come is said', async () => {
  const source = await unpacked('wandb')
  const staging = await unpacked('wandb-staging')
  const { url } = await up(await tempFolder())
  const first = await importFrom(url, 'wandb', source, '--artifacts', staging)
  expect(first.code).toBe(1)
  expect(first.stdout).toMatch(/refused: runs: \S+killed00: its log tells of no run/)
  expect(first.stdout).toMatch(
    /refused: files: files\/plots\/curve.txt of run first000: the link leads/,
  )
  expect(first.report).toMatchObject({
    refused: 2,
    counts: { runs: { found: 4, imported: 3 }, "W&B's own logs": { found: 4, leftOut: 4 } },
  })
  const whole = await readBack(url)
  const logged: Record<string, { params?: object; points?: Record<string, [number, unknown][]> }> =
    JSON.parse(readFileSync('test/fixtures/import/wandb.expected.json', 'utf8'))
  const runs = new Map(Object.values(Shown.parse(whole).experiments).flatMap((one) => Object.entries(one.runs))) // prettier-ignore
  for (const [id, { params, points = {} }] of Object.entries(logged)) {
    if (params === undefined) continue
    expect(runs.get(id)?.params).toEqual(params)
    for (const [key, given] of Object.entries(points)) {
      const history = runs.get(id)?.metrics[key]
      expect([key, history && ('points' in history ? history.points : history.length)]).toEqual([key, given.length]) // prettier-ignore
    }
  }
  const again = await importFrom(url, 'wandb', source, '--artifacts', staging)
  expect(Object.values(again.report?.counts ?? {}).map(({ imported }) => imported)).toEqual(
    Object.values(again.report?.counts ?? {}).map(() => 0),
  )
  expect(await readBack(url)).toEqual(whole)
})

test('a source that cannot be read ends the command with the reason, and imports nothing', async () => {
  const { url } = await up(await tempFolder())
  const folder = await unpacked('mlflow-database')
  await writeFile(
    join(folder, 'text.db'),
    'no database, but long enough to be taken for one. '.repeat(30),
  )
  const before = await readBack(url)
  for (const [tracker, path, reason] of [
    ['mlflow', join(folder, 'nowhere'), /no such file or folder/],
    ['mlflow', join(folder, 'text.db'), /expected an SQLite database \(file is not a database\)/],
    ['mlflow', `sqlite:///${join(folder, 'nowhere.db')}`, /no such file or folder/],
    ['mlflow', 'postgresql://somewhere/mlflow', /expected a folder or an SQLite database/],
    ['wandb', join(folder, 'nowhere'), /no such file or folder/],
  ] as const) {
    const { code, stderr, stdout, report } = await importFrom(url, tracker, path)
    expect([path, code]).toEqual([path, 2])
    expect(stderr).toMatch(reason)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect([stdout, report]).toEqual(['', undefined])
  }
  expect(await readBack(url)).toEqual(before)
})

test('what a source has and does not come ends the command with 1, each by its name', async () => {
  const { url } = await up(await tempFolder())
  const folder = await unpacked('mlflow-database')
  const path = join(folder, 'mlflow.db')
  await rm(join(folder, 'mlruns'), { recursive: true })
  changeDatabase(path, ["UPDATE spans SET content = '[' WHERE name = 'break'"])
  const { code, report, stdout } = await importFrom(url, 'mlflow', path)
  expect(code).toBe(1)
  expect(stdout).toMatch(/refused: spans: break of trace tr-/)
  expect(stdout).toMatch(/refused: artifact roots: \S+mlruns\/: it is not on this machine/)
  // Three versions are of files that are nowhere: their aliases and stages go with them.
  expect(report?.counts).toMatchObject({
    runs: { found: 7, imported: 7 },
    spans: { found: 5, imported: 4, refused: 1 },
    'model versions': { found: 5, imported: 2, refused: 3 },
    aliases: { found: 3, imported: 1, refused: 2 },
    stages: { found: 3, imported: 0, refused: 3 },
  })
})

test('a server without a registry takes the rest, and the models are refused by name', async () => {
  const { url } = await up(await tempFolder(), { args: ['--modules', 'tracking'] })
  const source = join(await unpacked('mlflow-database'), 'mlflow.db')
  const { code, report, stdout } = await importFrom(url, 'mlflow', source)
  expect(code).toBe(1)
  expect(stdout).toMatch(/refused: registered models: delay: .*registry/)
  expect(report?.counts).toMatchObject({
    traces: { imported: 3 },
    'logged models': { imported: 2 },
    'registered models': { found: 3, refused: 3 },
    'model versions': { found: 5, refused: 5 },
    aliases: { found: 3, refused: 3 },
    stages: { found: 3, refused: 3 },
  })
})
