import { setTimeout as delay } from 'node:timers/promises'
import type { GyreClient } from '@gyre/sdk/client'
import { ModelVersion, Prepared } from '@gyre/sdk/wire/model'
import { Run, type RunError } from '@gyre/sdk/wire/run'
import { GyreError, isErrorCode } from '../../core/errors.ts'
import { parseRef } from '../../core/ref.ts'

/** A run that installs packages takes minutes; nobody notices half a second. */
const POLL_MS = 500

/** The version that answers for this one, once it is made. Throws what the run that makes it failed with. */
export async function servable(client: GyreClient, version: ModelVersion): Promise<ModelVersion> {
  const { serves, run } = await client.post(`${pathOf(version.ref)}/prepare`, {}, Prepared)
  const ref = serves ?? (run === null ? version.ref : await madeBy(client, run))
  return ref === version.ref ? version : client.get(pathOf(ref), ModelVersion)
}

async function madeBy(client: GyreClient, run: string): Promise<string> {
  for (;;) {
    const { status, tags, error } = await client.get(`/api/v1/runs/${run}`, Run)
    const serves = tags['gyre.serves']
    if (serves !== undefined) return serves
    if (status === 'running') await delay(POLL_MS)
    else throw failure(run, error ?? { code: 'STEP_FAILED', message: `run ${run} ${status}` })
  }
}

function failure(run: string, { code, message }: RunError): GyreError {
  return new GyreError(isErrorCode(code) ? code : 'STEP_FAILED', message, { run })
}

function pathOf(ref: string): string {
  const { name, version } = parseRef(ref)
  return `/api/v1/models/${encodeURIComponent(name)}/versions/${version}`
}
