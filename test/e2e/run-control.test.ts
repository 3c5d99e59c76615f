import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LogPage } from '@gyre/sdk/wire/log'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { Run } from '@gyre/sdk/wire/run'
import { Study, Trial } from '@gyre/sdk/wire/study'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'
import { openJournal } from './held-project.ts'
import { allGone, childrenOf } from './processes.ts'
import { begin, build, gyre, up, type Running } from './program.ts'
import { send } from './traffic.ts'

const PROJECT = fileURLToPath(new URL('./controlled', import.meta.url))
const PATIENT = { timeout: 20_000, interval: 50 }
const hasPython = spawnSync('python3', ['--version']).status === 0

beforeAll(() => build())

/** A server with the project applied, and the journal of its steps. */
async function openProject() {
  const folder = await tempFolder()
  const [data, notes] = [join(folder, 'data'), join(folder, 'journal')]
  await mkdir(notes)
  const server = await up(data)
  const applied = await gyre(['apply', PROJECT, '--set', `journal=${notes}`, '--url', server.url])
  expect(applied).toMatchObject({ code: 0, stderr: '' })
  return { server, data, journal: openJournal(notes) }
}

async function start(server: Running, pipeline: string, seed: number): Promise<string> {
  const path = `${server.url}/api/v1/pipelines/${pipeline}/runs`
  return PipelineRun.parse((await send(path, 'POST', { params: { seed } }))?.body).id
}

async function read<T>(server: Running, path: string, shape: z.ZodType<T>): Promise<T> {
  return shape.parse((await send(`${server.url}/api/v1/${path}`, 'GET'))?.body)
}

const show = (server: Running, id: string) => read(server, `pipeline-runs/${id}`, PipelineRun)
const ended = (server: Running, id: string) =>
  read(server, `pipeline-runs/${id}?wait=true`, PipelineRun)
const statesOf = ({ steps }: PipelineRun) =>
  steps.map(({ step, state, attempt }) => [step, state, attempt])

/** No step is told as under way that is not, and none of its runs either. */
async function checkNothingRuns(server: Running): Promise<void> {
  const shape = z.object({ runs: z.array(Run) })
  const { runs } = await read(server, 'runs?limit=1000', shape)
  expect(runs.filter(({ status }) => status === 'running')).toEqual([])
  // One that waits for a next step does not wait for long.
  await vi.waitFor(async () => {
    expect(await childrenOf(server.pid, /runner/)).toEqual([])
  }, PATIENT)
}

test('a step that waits for its retry does so across a kill of the server, until the same time', async () => {
  const { server, data, journal } = await openProject()
  const id = await start(server, 'waiting', 1)
  const retryAt = await vi.waitFor(async () => {
    const [step] = (await show(server, id)).steps
    expect(step).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'EAGAIN' } })
    expect(step?.retryAt).not.toBeNull()
    return step?.retryAt
  }, PATIENT)
  const shown = await gyre(['pipeline', 'show', id, '--url', server.url])
  expect(shown.stdout).toContain(`tried again at ${retryAt}`)
  await server.stop('SIGKILL')

  const again = await up(data)
  const run = await ended(again, id)
  expect([run.status, ...statesOf(run)]).toEqual(['succeeded', ['patient', 'succeeded', 2]])
  expect(Date.parse(run.steps[0]?.startedAt ?? '')).toBeGreaterThanOrEqual(
    Date.parse(retryAt ?? ''),
  )
  expect(await journal.starts('flaky-1')).toHaveLength(2)
  await checkNothingRuns(again)
})

test('a run that failed goes on by a new one, which keeps what was made', async () => {
  const { server, journal } = await openProject()
  const command = (...args: readonly string[]) => gyre(['pipeline', ...args, '--url', server.url])
  expect((await command('run', 'chain', '--param', 'seed=2')).code).toBe(1)
  const listed = z.object({ runs: z.array(PipelineRun) })
  const [failed] = (await read(server, 'pipeline-runs', listed)).runs
  const id = failed?.id ?? ''
  const resumed = await command('resume', id)
  expect(resumed).toMatchObject({ code: 0, stderr: '' })
  expect(resumed.stdout).toMatch(new RegExp(`^chain run_\\w+: succeeded, resumes ${id}\n`))
  expect(resumed.stdout).toMatch(/^say +module +cached +0/m)
  expect(resumed.stdout).toMatch(/^flaky +module +succeeded +1/m)
  expect(await journal.starts('say-2')).toHaveLength(1)
  expect(await command('resume', id, '--from', 'nope')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^gyre: from: step nope is not in the pipeline chain/),
  })
  await checkNothingRuns(server)
})

const Found = z.object({ study: Study, trials: z.array(Trial) })

test('gyre tune killed in trial 40 of 100 goes on with the runs it had begun: 100 trials, a run each', async () => {
  const { server, journal } = await openProject()
  const folder = await tempFolder()
  const range = { kind: 'int', low: 0, high: 9 }
  await writeFile(join(folder, 'over.json'), JSON.stringify({ a: range, b: range }))
  const search = 'tune search --over over.json --metric cheap.loss --minimize --sampler grid'
  const args = `${search} --parallel 4 --patience 2s --json --url ${server.url}`.split(' ')
  const release = await journal.hold('cheap-4')
  const killed = begin(args, { cwd: folder })
  await journal.started('cheap-4', 1)
  const listed = z.object({ runs: z.array(PipelineRun) })
  await vi.waitFor(async () => {
    expect((await read(server, 'pipeline-runs?limit=200', listed)).runs).toHaveLength(44)
  }, PATIENT)
  killed.kill()
  await killed.ended

  const again = begin(args, { cwd: folder })
  const trialsNow = () =>
    read(server, 'studies/search/trials', z.object({ trials: z.array(Trial) }))
  expect((await trialsNow()).trials.map(({ state }) => state).slice(40)).toEqual([
    'running',
    'running',
    'running',
    'running',
  ])
  await release()
  const { code, stdout, stderr } = await again.ended
  expect([code, stderr]).toEqual([0, ''])
  const { study, trials } = Found.parse(JSON.parse(stdout))
  expect(study).toMatchObject({
    state: 'done',
    counts: { finished: 100, running: 0, failed: 0, pruned: 0, lost: 0 },
    best: { params: { a: 3 }, value: 0 },
  })
  const { runs } = await read(server, 'pipeline-runs?limit=200', listed)
  expect(runs).toHaveLength(100)
  expect(runs.filter(({ status }) => status !== 'succeeded')).toEqual([])
  const works = await Promise.all(
    trials.map(async ({ run }) => (await read(server, `runs/${run}`, Run)).inputs[0]?.ref),
  )
  expect(new Set(works)).toEqual(new Set(runs.map(({ id }) => `run:${id}`)))
  expect(await journal.starts('cheap-4'), 'the runs that were under way').toHaveLength(4)
  await checkNothingRuns(server)
})

test('a trial that is pruned cancels its pipeline run', async () => {
  const { server, journal } = await openProject()
  const folder = await tempFolder()
  const over = { a: { kind: 'choice', of: [3, 7] } }
  await writeFile(join(folder, 'over.json'), JSON.stringify(over))
  const search = 'tune search --over over.json --metric cheap.loss --minimize --sampler grid'
  // Nothing but the pruner ends this one.
  await journal.hold('cheap-7')
  const args = `${search} --pruner asha --json --url ${server.url}`.split(' ')
  const { code, stdout, stderr } = await gyre(args, { cwd: folder })
  expect([code, stderr]).toEqual([0, ''])
  const { study, trials } = Found.parse(JSON.parse(stdout))
  expect(study.counts).toMatchObject({ finished: 1, pruned: 1, lost: 0 })
  expect(trials[1]).toMatchObject({ state: 'pruned', value: 17, step: 1 })
  const { runs } = await read(server, 'pipeline-runs', z.object({ runs: z.array(PipelineRun) }))
  expect(runs.map(({ params, status }) => [params['a'], status])).toEqual([
    [7, 'cancelled'],
    [3, 'succeeded'],
  ])
  await checkNothingRuns(server)
})

/** A run of both steps, held after their first lines. */
async function held(seed: number) {
  const project = await openProject()
  const release = await Promise.all(
    ['say', 'snake'].map((step) => project.journal.hold(`${step}-${seed}`)),
  )
  const id = await start(project.server, 'talk', seed)
  const pids = await Promise.all(
    ['say', 'snake'].map((step) => project.journal.started(`${step}-${seed}`, 1)),
  )
  const logs = (...args: readonly string[]) =>
    ['runs', 'logs', id, ...args, '--url', project.server.url] as const
  return { ...project, id, pids, logs, release: () => Promise.all(release.map((go) => go())) }
}

describe.skipIf(!hasPython)('with a step in Python (python3 is needed)', () => {
  test('what steps print is seen while they run, and after, harmless to a terminal', async () => {
    const { server, data, id, logs, release } = await held(3)
    const hello = 'node says hello\n\\u001b[31mred\\u0007\n'
    await vi.waitFor(async () => {
      expect((await gyre(logs('say'))).stdout).toBe(hello)
      expect((await gyre(logs('snake'))).stdout).toBe('python says hello\n')
    }, PATIENT)
    const following = begin(logs('--follow'))
    await release()
    const { code, stdout } = await following.ended
    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n').toSorted()).toEqual([
      'say | \\u001b[31mred\\u0007',
      'say | node says bye',
      'say | node says hello',
      'snake | python says bye',
      'snake | python says hello',
    ])
    await server.stop('SIGKILL')
    const again = await up(data)
    const kept = await gyre(['runs', 'logs', id, 'say', '--url', again.url])
    expect(kept.stdout).toBe(`${hello}node says bye\n`)
    const { steps } = await show(again, id)
    const own = await gyre(['runs', 'logs', steps[1]?.runId ?? '', '--url', again.url])
    expect(own.stdout).toBe('python says hello\npython says bye\n')
    expect(await gyre(['runs', 'logs', id, 'nope', '--url', again.url])).toMatchObject({
      code: 1,
      stderr: 'gyre: no step nope; the run has say, snake\n',
    })
  })

  test('a runner that is killed loses nothing of what it had printed', async () => {
    const { server, id, pids, logs, release } = await held(4)
    process.kill(pids[0] ?? 0, 'SIGKILL')
    await release()
    const run = await ended(server, id)
    expect(run).toMatchObject({ status: 'failed', steps: [{ state: 'failed' }, {}] })
    expect((await gyre(logs('say'))).stdout).toBe('node says hello\n\\u001b[31mred\\u0007\n')
  })

  test('a cancelled run is cancelled once its processes are gone, a script that Python runs too', async () => {
    const { server, id, pids } = await held(5)
    const runners = await childrenOf(server.pid, /runner/)
    const command = ['pipeline', 'cancel', id, '--url', server.url]
    const { code, stdout } = await gyre(command)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^talk run_\w+: cancelled, cancelled by \S+\n/)
    await allGone([...pids, ...runners])
    const run = await show(server, id)
    expect(statesOf(run)).toEqual([
      ['say', 'cancelled', 1],
      ['snake', 'cancelled', 1],
    ])
    await checkNothingRuns(server)
    expect((await gyre(command)).code).toBe(0)
    const over = await start(server, 'talk', 6)
    await ended(server, over)
    expect(await gyre(['pipeline', 'cancel', over, '--url', server.url])).toMatchObject({
      code: 1,
      stderr: `gyre: ${over} has ended already: succeeded\n`,
    })
  })

  test('a server that is killed while it cancels leaves nothing that goes on', async () => {
    const { server, data, id, pids } = await held(7)
    const asked = await send(`${server.url}/api/v1/pipeline-runs/${id}/cancel`, 'POST')
    expect(asked?.status).toBe(202)
    await server.stop('SIGKILL')
    await allGone(pids)
    const again = await up(data)
    const run = await ended(again, id)
    expect([run.status, ...statesOf(run)]).toEqual([
      'cancelled',
      ['say', 'cancelled', 1],
      ['snake', 'cancelled', 1],
    ])
    await checkNothingRuns(again)
  })

  test('of a server and runners that are killed at once no script goes on, and its steps start over', async () => {
    const { server, data, journal, id, pids, logs, release } = await held(8)
    await vi.waitFor(async () => {
      expect((await gyre(logs('snake'))).stdout).toBe('python says hello\n')
    }, PATIENT)
    const first = (await show(server, id)).steps[1]?.runId ?? ''
    const runners = await childrenOf(server.pid, /runner/)
    expect(runners.length).toBeGreaterThanOrEqual(2)
    process.kill(server.pid, 'SIGSTOP')
    for (const pid of runners) process.kill(pid, 'SIGKILL')
    await server.stop('SIGKILL')
    await allGone([...pids, ...runners])

    const again = await up(data)
    await journal.started('snake-8', 2)
    await release()
    const run = await ended(again, id)
    expect([run.status, ...statesOf(run)]).toEqual([
      'succeeded',
      ['say', 'succeeded', 2],
      ['snake', 'succeeded', 2],
    ])
    // The first attempt is a run of its own, and so is what it printed.
    expect((await read(again, `runs/${first}/log`, LogPage)).pieces).toEqual([
      { start: 0, text: 'python says hello\n' },
    ])
    const lost = z.object({ runs: z.array(Run) })
    const { runs } = await read(again, 'runs?kind=training&limit=100', lost)
    expect(runs.map(({ status }) => status).toSorted()).toEqual([
      'lost',
      'lost',
      'succeeded',
      'succeeded',
    ])
    await checkNothingRuns(again)
  })
})
