import type { GyreClient } from '@gyre/sdk/client'
import type { Verdict } from '@gyre/sdk/wire/gate'
import type { ApplyRequest, Manifest } from '@gyre/sdk/wire/manifest'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { Run } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { gateDigest } from '../../evaluate/gate.ts'
import type { CiCheck } from './report.ts'

/** What a verdict must be of to speak for the folder: its rules and its code. */
export type FolderCode = Pick<ApplyRequest, 'manifest' | 'bundle'>

/** How many of the newest pipeline runs are looked through for one that gave a version again. */
const LOOKED_AT = 200

/** Fails for a verdict by other rules than those that the folder's gate of this name has. */
export function rulesCheck(manifest: Manifest, verdict: Verdict): readonly CiCheck[] {
  const digests: readonly string[] = manifest.pipelines
    .flatMap(({ steps }) => steps.filter((step) => step.kind === 'gate'))
    .filter(({ name }) => name === verdict.gate)
    .map(({ rules }) => gateDigest(rules))
  if (digests.includes(verdict.gateDigest)) return []
  const reason = `it judged by other rules than ${verdict.gate} has in this folder: run its pipeline again, or --train`
  return [{ name: 'rules', status: 'failed', reason }]
}

/** Fails for a version that no run of the folder's own code has made, or given again. */
export async function codeCheck(
  client: GyreClient,
  { bundle }: FolderCode,
  version: ModelVersion,
): Promise<readonly CiCheck[]> {
  const made = version.runId === null ? undefined : await codeOf(client, version.runId)
  if (made === bundle) return []
  // The same files are the same version: later code may have come to them, too.
  const list = z.strictObject({ runs: z.array(PipelineRun) })
  const { runs } = await client.get(`/api/v1/pipeline-runs?limit=${LOOKED_AT}`, list)
  const again = runs.filter(({ steps }) => steps.some(({ outputs }) => isOf(version, outputs)))
  for (const { id } of again) if ((await codeOf(client, id)) === bundle) return []
  const reason = `the code that made ${version.ref} is not this folder's: run its pipeline again, or --train`
  return [{ name: 'code', status: 'failed', reason }]
}

/** What a step that registers a version gives. */
const Registered = z.object({ ref: z.string(), digest: z.string() })

function isOf({ ref, digest }: ModelVersion, outputs: unknown): boolean {
  const { data } = Registered.safeParse(outputs)
  return data?.ref === ref && data.digest === digest
}

async function codeOf(client: GyreClient, run: string): Promise<string | undefined> {
  return (await client.get(`/api/v1/runs/${encodeURIComponent(run)}`, Run)).code?.digest
}
