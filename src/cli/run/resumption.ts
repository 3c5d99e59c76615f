import { resolve } from 'node:path'
import type { GyreClient } from '@gyre/sdk/client'
import { Experiment } from '@gyre/sdk/wire/experiment'
import { Run } from '@gyre/sdk/wire/run'
import { GyreError } from '../../core/errors.ts'
import { assertFolder, requestOfRun } from './repeat.ts'
import type { RunRequest } from './request.ts'

interface Asked {
  readonly target: string | undefined
  readonly folder: string | undefined
  readonly given: unknown
}

/** What the run that is gone on from has decided already. */
const DECIDED = ['entry', 'param', 'input', 'requirements', 'seed', 'threads', 'envManager']

/** The request of a run, to go on from it. Throws INVALID_ARGUMENT naming what cannot be told anew. */
export async function resumption(
  client: GyreClient,
  id: string,
  { target, folder, given }: Asked,
): Promise<{
  readonly request: RunRequest
  readonly resumes: string
  readonly name: string
  readonly experiment: string
}> {
  const told = DECIDED.find((name) => Object.hasOwn(Object(given), name))
  const field = target === undefined ? told : 'target'
  if (field !== undefined)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `${field}: not together with --resume: what runs is what ${id} has run`,
      { field },
    )
  const before = await client.get(`/api/v1/runs/${encodeURIComponent(id)}`, Run)
  const request = requestOfRun(before, folder === undefined ? undefined : resolve(folder))
  if (!request)
    throw new GyreError(
      'CONFLICT',
      `${id} is a run of kind ${before.kind} that gyre run has not made; gyre pipeline resume goes on with a pipeline's`,
      { id, kind: before.kind },
    )
  await assertFolder(request.folder)
  const path = `/api/v1/experiments/${before.experiment}`
  const { name: experiment } = await client.get(path, Experiment)
  return { request, resumes: id, name: before.name, experiment }
}
