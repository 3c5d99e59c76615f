import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { RequestError, type GyreClient } from '@gyre/sdk/client'
import { DatasetVersion, type DatasetSpec } from '@gyre/sdk/wire/dataset'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { locateSource } from '../../projects/source.ts'
import { counted } from '../counted.ts'
import { gateOf, refusedGate, type CiCheck, type CiGate } from './report.ts'

/** Imports a dataset's file, which checks it against its contract. */
export async function importGate(
  client: GyreClient,
  folder: string,
  spec: DatasetSpec,
): Promise<CiGate> {
  try {
    const source = await client.putFile(locateSource(folder, spec))
    const path = `/api/v1/datasets/${encodeURIComponent(spec.name)}/versions`
    return gateOfVersion(await client.post(path, { source }, DatasetVersion))
  } catch (thrown) {
    return refusedGate('data', spec.name, reasonOf(thrown))
  }
}

/**
 * Looks at what a server knows of a dataset, and changes nothing there: the file on this machine must be one that it
 * has imported. Where this machine has none, the newest version counts.
 */
export async function knownGate(
  client: GyreClient,
  folder: string,
  spec: DatasetSpec,
): Promise<CiGate> {
  const reply = z.strictObject({ versions: z.array(DatasetVersion) })
  const path = `/api/v1/datasets?name=${encodeURIComponent(spec.name)}`
  const { versions } = await client.get(path, reply)
  const file = findSource(folder, spec)
  if (file === undefined) {
    const [newest] = versions
    return newest
      ? gateOfVersion(newest)
      : refusedGate('data', spec.name, 'the server has no version of it')
  }
  const digest = await digestOfFile(file)
  const same = versions.find(({ sourceDigest }) => sourceDigest === digest)
  if (same) return gateOfVersion(same)
  const known = versions[0] ? `the newest, ${versions[0].ref}, is of another` : 'it has none'
  return refusedGate(
    'data',
    spec.name,
    `the server has no version of this file, ${known}: gyre data import ${spec.name}, or --train`,
  )
}

function gateOfVersion({ name, ref, rows, checks }: DatasetVersion): CiGate {
  const all = checks.map(
    ({ column, check, rows: looked, unexpected, mostly, passed }): CiCheck => ({
      name: `${column}: ${check}`,
      status: passed ? 'passed' : 'failed',
      rule: `in ${mostly * 100} % of rows`,
      value: looked === 0 ? null : 1 - unexpected / looked,
      bound: mostly,
      reason: `${unexpected} of ${looked} rows do not comply`,
    }),
  )
  return gateOf('data', name, `${ref}, ${counted(rows, 'row')}`, all)
}

function findSource(folder: string, spec: DatasetSpec): string | undefined {
  try {
    return locateSource(folder, spec)
  } catch (thrown) {
    if (thrown instanceof GyreError && thrown.code === 'NOT_FOUND') return undefined
    throw thrown
  }
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return `sha256:${hash.digest('hex')}`
}

/** What was refused, in the server's words; what is no refusal goes on. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof RequestError && thrown.status < 500) return thrown.message
  if (thrown instanceof GyreError) return thrown.message
  throw thrown
}
