import { stat } from 'node:fs/promises'
import type { GyreClient } from '@gyre/sdk/client'
import { Experiment } from '@gyre/sdk/wire/experiment'
import { RunDifference, type Run } from '@gyre/sdk/wire/run'
import { GyreError } from '../../core/errors.ts'
import { executeRun } from './execute.ts'
import { FOLDER_TAG, requestOf, type RunRequest } from './request.ts'

/** A run's request, in `folder` or where it was executed; undefined for a run that `gyre run` has not made. */
export function requestOfRun(run: Run, folder: string | undefined): RunRequest | undefined {
  const where = folder ?? run.tags[FOLDER_TAG]
  return where === undefined ? undefined : requestOf(run.code?.command ?? [], where)
}

export interface Repetition {
  /** The new run. */
  readonly run: string
  readonly repeats: string | null
  readonly difference: RunDifference
}

/**
 * Executes a run again on the files as they are now, and compares. Throws CONFLICT for a run that did not succeed,
 * INVALID_ARGUMENT where its files are gone.
 */
export async function repeatRun(
  server: { readonly client: GyreClient; readonly key: string | undefined },
  before: Run,
  request: RunRequest,
): Promise<Repetition> {
  const { id, status, name } = before
  if (status !== 'succeeded')
    throw new GyreError(
      'CONFLICT',
      `${id} is ${status}; only a run that succeeded can be compared with its repetition`,
      { id, status },
    )
  await assertFolder(request.folder)
  const path = `/api/v1/experiments/${before.experiment}`
  const experiment = await server.client.get(path, Experiment)
  const run = await executeRun(request, {
    ...server,
    experiment: experiment.name,
    name,
    hold: '1m',
    tags: { 'gyre.repeats': id },
    stdoutTo: process.stderr,
  })
  const between = `/api/v1/runs/${run.id}/difference?from=${encodeURIComponent(id)}`
  return { run: run.id, repeats: id, difference: await server.client.get(between, RunDifference) }
}

/** Throws INVALID_ARGUMENT where there is none. */
export async function assertFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isDirectory()) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `--folder: the run was executed in ${folder}, which is no folder here; say where its files are`,
    { field: 'folder' },
  )
}
