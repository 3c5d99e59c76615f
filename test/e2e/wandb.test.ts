import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MetricSample, Run } from '@gyre/sdk/wire/run'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { build, gyre, launch, type Running } from './program.ts'
import { send } from './traffic.ts'
import { folderOf } from './user-folder.ts'

const SDK = fileURLToPath(new URL('../../sdk/python', import.meta.url))

let data: string
let server: Running

beforeAll(async () => {
  await build()
  data = await mkdtemp(join(tmpdir(), 'gyre-wandb-'))
  server = await launch(data)
})

afterAll(async () => {
  await server.stop('SIGKILL')
  await rm(data, { recursive: true })
})

/** A script with the standard library alone, to its end. */
async function python(source: string, env: Readonly<Record<string, string>> = {}) {
  const cwd = await folderOf({ 'train.py': source })
  const child = spawn('python3', ['-S', 'train.py'], {
    cwd,
    env: { PATH: process.env['PATH'], PYTHONPATH: SDK, GYRE_URL: server.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const [code] = await once(child, 'close')
  return { code: Number(code), stdout, stderr }
}

async function get<T>(path: string, shape: z.ZodType<T>): Promise<T> {
  return shape.parse((await send(`${server.url}/api/v1/${path}`, 'GET'))?.body)
}

async function newest(): Promise<Run> {
  const [run] = (await get('runs?limit=1', z.object({ runs: z.array(Run) }))).runs
  if (!run) throw new Error('no run')
  return run
}

async function points(run: string, key: string) {
  const shape = z.object({ points: z.array(MetricSample) })
  const found = await get(`runs/${run}/metric-history?key=${encodeURIComponent(key)}`, shape)
  return found.points.map(({ step, value }) => [step, value])
}

test('nobody there, a key that is none, and verbs before init say what to do', async () => {
  const away = await python('import gyre.compat.wandb as wandb\nwandb.init(project="p")', {
    GYRE_URL: 'http://127.0.0.1:1',
  })
  expect(away.code).toBe(1)
  expect(away.stderr).toContain('no answer from http://127.0.0.1:1')
  expect(away.stderr).toContain('is "gyre up" running?')
  const early = await python('import gyre.compat.wandb as wandb\nwandb.log({"loss": 1})')
  expect([early.code, early.stderr]).toEqual([
    1,
    expect.stringContaining('call wandb.init() before'),
  ])
  const odd = await python('import gyre.compat.wandb as wandb\nwandb.init(mode="offline")')
  expect(odd.stderr).toContain('mode: expected online or disabled, got offline')
  const image = await python('import gyre.compat.wandb as wandb\nwandb.Image')
  expect(image.stderr).toContain('gyre.compat.wandb has no Image; what it has: Artifact,')
})

const EPOCHS = `import gyre.compat.wandb as wandb
run = wandb.init(project="seeds", name="hundred", config={"epochs": 100, "net": {"layers": [64, 32]}}, tags=["small"])
for epoch in range(wandb.config.epochs):
    wandb.log({"loss": 1 / (epoch + 1), "val": {"acc": epoch / 7}})
`

/** The same doubles: IEEE 754 knows one quotient. */
const steps = Array.from({ length: 100 }, (_, epoch) => epoch)
const LOSS = steps.map((epoch) => [epoch, 1 / (epoch + 1)])
const ACC = steps.map((epoch) => [epoch, epoch / 7])

test('a hundred epochs of two metrics read back bit by bit, though nothing calls finish', async () => {
  expect(await python(EPOCHS)).toEqual({ code: 0, stdout: '', stderr: '' })
  const run = await newest()
  expect(run).toMatchObject({
    name: 'hundred',
    status: 'succeeded',
    params: { epochs: '100', 'net.layers': '[64, 32]' },
    tags: { 'wandb.tag.small': 'true' },
    metrics: { loss: 1 / 100, 'val.acc': 99 / 7 },
  })
  const experiment = z.object({ name: z.string() })
  expect(await get(`experiments/${run.experiment}`, experiment)).toMatchObject({ name: 'seeds' })
  expect(await points(run.id, 'loss')).toEqual(LOSS)
  expect(await points(run.id, 'val.acc')).toEqual(ACC)
})

test('inside gyre run it logs to that very run, whose end is that of the program', async () => {
  const cwd = await folderOf({ 'train.py': EPOCHS })
  const given = ['run', 'train.py', '--experiment', 'held', '--json']
  const { code, stdout } = await gyre(given, { cwd, env: { GYRE_URL: server.url, HOME: cwd } })
  const run = Run.parse(JSON.parse(stdout))
  expect([code, run.status, run.kind]).toEqual([0, 'succeeded', 'script'])
  expect(run.params).toMatchObject({ epochs: '100' })
  expect(await points(run.id, 'loss')).toEqual(LOSS)
  expect((await newest()).id).toBe(run.id)
})

test('steps, rows, values that are no numbers, summary and config mean what they mean', async () => {
  const { code, stderr, stdout } = await python(`import gyre.compat.wandb as wandb
from decimal import Decimal
with wandb.init(project="steps", config={"lr": 0.1}) as run:
    run.log({"a": 1}, step=3)
    run.log({"b": True, "a": 2}, step=3)
    run.log({"a": 5}, step=1)
    run.log({"a": float("nan")}, step=7)
    run.log({"a": float("-inf")}, commit=True)
    run.log({"c": Decimal("0.5")}, commit=False)
    run.log({"d": "best so far", "e": [1, 2]})
    run.define_metric("a", summary="max")
    run.summary["best"] = 0.25
    wandb.config.batch = 32
    wandb.config.update({"lr": 0.2})
    print(wandb.run is run, run.config.lr, run.config["batch"], dict(run.summary))
print(wandb.run)
`)
  expect([code, stdout.split('\n')[1]]).toEqual([0, 'None'])
  expect(stdout.split('\n')[0]).toContain('True 0.2 32 ')
  const run = await newest()
  expect(await points(run.id, 'a')).toEqual([
    [3, 2],
    [7, -Infinity],
  ])
  expect(await points(run.id, 'b')).toEqual([[3, 1]])
  expect(await points(run.id, 'c')).toEqual([[8, 0.5]])
  expect(run).toMatchObject({
    status: 'succeeded',
    params: { lr: '0.1', batch: '32' },
    metrics: { best: 0.25 },
    tags: { 'wandb.summary.d': 'best so far' },
  })
  expect(stderr).toContain('step 1 is behind step 3')
  expect(stderr).toContain('the parameter lr keeps the value')
  expect(stderr).toContain('e: a list is no number')
})

test('a program that fails makes a failed run, with all points up to there', async () => {
  const { code } = await python(`import gyre.compat.wandb as wandb
wandb.init(project="fails")
wandb.log({"loss": 0.5})
raise RuntimeError("boom")
`)
  expect(code).toBe(1)
  const raised = await newest()
  expect(raised).toMatchObject({ status: 'failed', metrics: { loss: 0.5 } })
  await python(`import os, signal, gyre.compat.wandb as wandb
wandb.init(project="fails")
wandb.log({"loss": 0.25})
os.kill(os.getpid(), signal.SIGTERM)
`)
  const stopped = await newest()
  expect(stopped.id).not.toBe(raised.id)
  expect(stopped).toMatchObject({ status: 'failed', metrics: { loss: 0.25 } })
})

test('files are kept under the name of their artifact', async () => {
  const { code, stderr } = await python(`import os, gyre.compat.wandb as wandb
os.makedirs("model/deep"); open("model/deep/w.bin", "wb").write(bytes(range(256))); open("notes.txt", "w").write("hej")
with wandb.init(project="files") as run:
    kept = wandb.Artifact("model", type="model", metadata={"size": 256})
    kept.add_dir("model")
    run.log_artifact(kept)
    run.save("*.txt")
`)
  expect([code, stderr]).toEqual([0, ''])
  const { id, tags } = await newest()
  const file = async (path: string) => {
    const response = await fetch(`${server.url}/get-artifact?run_uuid=${id}&path=${path}`)
    return Buffer.from(await response.arrayBuffer())
  }
  expect([...(await file('model/deep/w.bin'))]).toEqual(Array.from({ length: 256 }, (_, i) => i))
  expect(String(await file('notes.txt'))).toBe('hej')
  expect(tags['wandb.artifact.model']).toContain('"size": 256')
})

test('disabled it asks nobody', async () => {
  const off = await python(EPOCHS, { WANDB_MODE: 'disabled', GYRE_URL: 'http://127.0.0.1:1' })
  expect(off).toEqual({ code: 0, stdout: '', stderr: '' })
})
