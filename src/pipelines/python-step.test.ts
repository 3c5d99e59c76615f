import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import { expect, test } from 'vitest'
import { GyreError } from '../core/errors.ts'
import { CTX, openBench, param, projectOf, succeedWith, type Script } from './fixture.ts'

const digest = (letter: string) => `sha256:${letter.repeat(64)}` as const

type PythonStep = Extract<StepSpec, { kind: 'python' }>

function pythonStep(change: Partial<PythonStep> = {}): PythonStep {
  return {
    kind: 'python',
    name: 'fit',
    inputs: { seed: param('seed') },
    script: 'py/fit.py',
    digest: digest('a'),
    requirements: { path: 'requirements.lock', digest: digest('1') },
    threads: 1,
    retries: 0,
    timeout: '3m',
    ...change,
  }
}

const given: Script = (attempt, server) => succeedWith(attempt, server, { done: true })

async function runOnce({ pipelines }: ReturnType<Awaited<ReturnType<typeof openBench>>['serve']>) {
  const { id } = await pipelines.start(CTX, 'train', {})
  return pipelines.ended(CTX, id)
}

test('an unchanged script starts no process; code and lock are parts of its own', async () => {
  const bench = await openBench(projectOf(pythonStep()))
  const server = bench.serve(given)
  await runOnce(server)
  await runOnce(server)
  expect(server.started).toEqual(['fit'])

  bench.manifest = projectOf(pythonStep({ retries: 3, timeout: '5m' }))
  await runOnce(server)
  expect(server.started).toEqual(['fit'])

  const resources = { cpu: 2, memoryBytes: 2 ** 30 }
  bench.manifest = projectOf(pythonStep({ threads: 'cpu', resources }))
  expect((await runOnce(server)).steps[0]).toMatchObject({ cached: true, resources })
  expect(server.started).toEqual(['fit'])

  const requirements = { path: 'requirements.lock', digest: digest('2') }
  bench.manifest = projectOf(pythonStep({ requirements }))
  const relocked = await runOnce(server)
  expect((await server.pipelines.why(CTX, relocked.id, 'fit')).changed).toEqual([
    { part: 'lock', before: digest('1'), now: digest('2') },
  ])

  for (const change of [{ digest: digest('b') }, { script: 'py/other.py' }, { threads: 4 }]) {
    bench.manifest = projectOf(pythonStep({ requirements, ...change }))
    const { id } = await runOnce(server)
    const { changed } = await server.pipelines.why(CTX, id, 'fit')
    expect([change, changed]).toEqual([change, [expect.objectContaining({ part: 'code' })]])
  }
  expect(server.started).toHaveLength(5)
})

test('a script without requirements, that gets some, has a lock that was absent', async () => {
  const { requirements: _, ...bare } = pythonStep()
  const bench = await openBench(projectOf(bare))
  const server = bench.serve(given)
  await runOnce(server)
  bench.manifest = projectOf(pythonStep())
  const { id } = await runOnce(server)
  expect((await server.pipelines.why(CTX, id, 'fit')).changed).toEqual([
    { part: 'lock', before: null, now: digest('1') },
  ])
})

test('its process gets its time-out and pass, is tried again, and its run is a training', async () => {
  const bench = await openBench(projectOf(pythonStep({ retries: 1 })))
  const seen: { timeoutMs: number; pass: string | undefined }[] = []
  const server = bench.serve(async (attempt, pipelines) => {
    seen.push({ timeoutMs: attempt.timeoutMs, pass: attempt.environment['GYRE_PASS'] })
    if (seen.length === 1) return { end: { kind: 'killed', signal: 'SIGKILL' }, tail: 'last words' }
    return succeedWith(attempt, pipelines, {})
  })
  const { id, status, steps } = await runOnce(server)
  expect(status).toBe('succeeded')
  expect(steps[0]).toMatchObject({ kind: 'python', attempt: 2 })
  expect(seen.map(({ timeoutMs }) => timeoutMs)).toEqual([180_000, 180_000])
  expect(new Set(seen.map(({ pass }) => pass)).size).toBe(2)
  const { runs } = await bench.runs.list(CTX, { kind: 'training', parentId: id }, 10)
  expect(runs.map((run) => [run.status, run.error?.message, run.code?.command])).toEqual([
    ['succeeded', undefined, ['python3', 'py/fit.py']],
    [
      'failed',
      'step fit was killed by SIGKILL without reporting\nlast words',
      ['python3', 'py/fit.py'],
    ],
  ])
})

/** Of a place without any device. */
function check(field: string, { gpu = 0 }: { readonly gpu?: number }): void {
  if (gpu > 0) throw new GyreError('INVALID_ARGUMENT', `${field}.gpu: there is none`)
}

test('a run with a step that asks for more than there is does not begin', async () => {
  const bench = await openBench(projectOf(pythonStep({ resources: { gpu: 1 } })))
  const server = bench.serve(given, {}, {}, { check })
  await expect(server.pipelines.start(CTX, 'train', {})).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'pipeline train.step fit.resources.gpu: there is none',
  })
  expect(await server.pipelines.list(CTX, 10)).toEqual([])
})

test('a step that took more memory than it asked for says so, and may be tried again for it', async () => {
  const retries = { max: 1, on: ['OUT_OF_MEMORY'] }
  const bench = await openBench(projectOf(pythonStep({ retries })))
  const end = { kind: 'out-of-memory', askedBytes: 2 ** 29, usedBytes: 600 * 2 ** 20 } as const
  const server = bench.serve(async () => ({ end, tail: 'last words' }))
  const { steps } = await runOnce(server)
  expect(steps[0]).toMatchObject({
    attempt: 2,
    error: {
      code: 'OUT_OF_MEMORY',
      message:
        'step fit ran out of memory: asked for 512.0 MiB (resources.memory), used 600.0 MiB\nlast words',
    },
  })
})
