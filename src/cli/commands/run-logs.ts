import { setTimeout as delay } from 'node:timers/promises'
import { Readable } from 'node:stream'
import { followLog, RequestError, type GyreClient } from '@gyre/sdk/client'
import { LogPage } from '@gyre/sdk/wire/log'
import { PipelineRun, type StepRun } from '@gyre/sdk/wire/pipeline'
import { Run } from '@gyre/sdk/wire/run'
import type { Command } from 'commander'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { withClient, withServer } from '../command.ts'
import { createLogLines } from '../log-lines.ts'

/** How often it is looked for steps that have begun. */
const LOOK_MS = 500

/** `gyre runs logs RUN [STEP]` */
export function addRunLogs(runs: Command): void {
  withServer(runs.command('logs'))
    .description('what a run printed; of a pipeline run all its steps, or one')
    .argument('<run>')
    .argument('[step]')
    .option('--follow', 'go on with what it prints until it has ended')
    .action((id: string, step: string | undefined, options: unknown) =>
      withClient(options, async (client) => {
        const { follow } = z.object({ follow: z.boolean().default(false) }).parse(options)
        const run = await client.get(`/api/v1/runs/${encodeURIComponent(id)}`, Run)
        const { kind } = run
        if (kind === 'pipeline') return printSteps(client, id, step, follow)
        if (step === undefined) {
          if (follow || !(await printKept(client, run))) await printLog(client, id, '', follow)
          return
        }
        throw new GyreError('INVALID_ARGUMENT', `step: ${id} is a run of kind ${kind}, with none`, {
          field: 'step',
        })
      }),
    )
}

/** Kinds of runs that `gyre run` holds: all that they printed is among their files, once they have ended. */
const HELD: ReadonlySet<string> = new Set(['script', 'notebook', 'project'])

/** All that a program outside has printed, stdout before stderr; whether there was anything. */
async function printKept(
  client: GyreClient,
  { id, kind, experiment, status }: Run,
): Promise<boolean> {
  if (!HELD.has(kind) || status === 'running') return false
  let isEmpty = true
  for (const name of ['stdout', 'stderr']) {
    const lines = createLogLines()
    let start = 0
    const text = await keptText(client, `${experiment}/${id}/artifacts/logs/${name}.txt`)
    for await (const piece of text) {
      for (const line of lines.add({ start, text: String(piece) })) console.log(line)
      isEmpty = false
      start += String(piece).length
    }
    for (const line of lines.rest()) console.log(line)
  }
  return !isEmpty
}

/** Nothing where there is no such file: an empty one is not kept. */
async function keptText(client: GyreClient, path: string): Promise<AsyncIterable<unknown>> {
  try {
    const file = await client.download(`/api/2.0/mlflow-artifacts/artifacts/${path}`)
    return file.setEncoding('utf8')
  } catch (thrown) {
    if (thrown instanceof RequestError && thrown.status === 404) return Readable.from([])
    throw thrown
  }
}

/** Each attempt at each step once; told apart by the step's name where there may be several. */
async function printSteps(
  client: GyreClient,
  id: string,
  only: string | undefined,
  follow: boolean,
): Promise<void> {
  const printed = new Set<string>()
  const printing: Promise<void>[] = []
  for (;;) {
    const path = `/api/v1/pipeline-runs/${encodeURIComponent(id)}`
    const { steps, status } = await client.get(path, PipelineRun)
    for (const { step, runId } of chosen(steps, only)) {
      if (runId === null || printed.has(runId)) continue
      printed.add(runId)
      const log = () => printLog(client, runId, only === undefined ? `${step} | ` : '', follow)
      if (follow) printing.push(log())
      else await log()
    }
    if (!follow || status !== 'running') break
    await Promise.race([delay(LOOK_MS), failureOf(printing)])
  }
  await Promise.all(printing)
}

/** Rejects as soon as one of them does. */
async function failureOf(printing: readonly Promise<void>[]): Promise<never> {
  await Promise.all(printing)
  return new Promise(() => undefined)
}

function chosen(steps: readonly StepRun[], only: string | undefined): readonly StepRun[] {
  if (only === undefined) return steps
  const found = steps.filter(({ step }) => step === only)
  if (found.length > 0) return found
  const names = steps.map(({ step }) => step).join(', ')
  throw new GyreError('NOT_FOUND', `no step ${only}; the run has ${names}`, { step: only })
}

async function printLog(
  client: GyreClient,
  run: string,
  prefix: string,
  follow: boolean,
): Promise<void> {
  const lines = createLogLines()
  const print = (those: readonly string[]): void =>
    those.forEach((line) => console.log(prefix + line))
  const pieces = follow ? followLog(client, run, new AbortController().signal) : past(client, run)
  for await (const piece of pieces) print(lines.add(piece))
  print(lines.rest())
}

/** What a run has printed up to now. */
async function* past(client: GyreClient, run: string) {
  let after = 0
  for (;;) {
    const path = `/api/v1/runs/${encodeURIComponent(run)}/log?after=${after}`
    const { pieces, next } = await client.get(path, LogPage)
    if (pieces.length === 0) return
    yield* pieces
    after = next
  }
}
