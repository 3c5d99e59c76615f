import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../../src/store/contract/temp-folder.ts'
import { changeDatabase, unpacked } from '../../../src/store/foreign-fixture.ts'
import { build, gyre, up } from '../../e2e/program.ts'
import { pinnedPython } from '../python.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const FIXTURES = here('../../fixtures/import')

let python = ''

beforeAll(async () => {
  python = await pinnedPython(here('requirements.txt'))
  await build()
}, 1_800_000)

/** Where the fixture was made; its database says so. */
const MADE_AT = '/srv/demo/database'

const Version = z.looseObject({ updated: z.unknown() })
const Experiment = z.looseObject({ created: z.unknown() })
const Snapshot = z.looseObject({
  experiments: z.record(z.string(), Experiment),
  models: z.record(z.string(), z.looseObject({ versions: z.record(z.string(), Version) })),
  linked: z.record(z.string(), z.array(z.string())),
})

test('the client reads back from Gyre what it reads of the store that was imported', async () => {
  const folder = await unpacked('mlflow-database')
  const path = join(folder, 'mlflow.db')
  const moved = (table: string, column: string) =>
    `UPDATE ${table} SET ${column} = replace(${column}, '${MADE_AT}', '${folder}')`
  changeDatabase(path, [
    moved('experiments', 'artifact_location'),
    moved('runs', 'artifact_uri'),
    moved('logged_models', 'artifact_location'),
    moved('model_versions', 'source'),
    moved('model_versions', 'storage_location'),
    moved('trace_tags', 'value'),
  ])
  const { url } = await up(await tempFolder())
  const imported = await gyre(['import', 'mlflow', `sqlite:///${path}`, '--url', url])
  expect(imported).toMatchObject({ code: 0, stderr: '' })

  const [expected, actual] = [await snapshot(`sqlite:///${path}`), await snapshot(url)]
  expect(Object.keys(expected.experiments)).toHaveLength(4)
  expect(expected.linked['run']).toHaveLength(2)
  for (const { experiments, models } of [expected, actual]) {
    // It was here before; and a version is changed when it is moved into its stage, which is now.
    delete experiments['Default']?.created
    for (const { versions } of Object.values(models))
      for (const version of Object.values(versions)) delete version.updated
  }
  expect(actual).toEqual(expected)
}, 300_000)

/** All that MLflow's client reads of a store (test/fixtures/import/snapshot.py). */
async function snapshot(uri: string): Promise<z.output<typeof Snapshot>> {
  const folder = await tempFolder()
  const child = spawn(python, ['-c', SCRIPT, uri], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      PYTHONPATH: FIXTURES,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONWARNINGS: 'ignore',
      MLFLOW_DISABLE_TELEMETRY: 'true',
      MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false',
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '0',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ])
  if (code !== 0) throw new Error(`reading ${uri} ended with ${String(code)}:\n${stderr}`)
  return Snapshot.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''))
}

const SCRIPT = `
import json, sys
from mlflow import MlflowClient
from snapshot import linked, snapshot
uri = sys.argv[1]
found = snapshot(uri)
runs = found["experiments"]["flights"]["runs"]
grid = next(run for run, said in runs.items() if said["name"] == "grid")
found["linked"] = linked(MlflowClient(uri, uri), grid, "flights", "greet/1")
print(json.dumps(found))
`
