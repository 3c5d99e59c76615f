import { execFile } from 'node:child_process'
import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { z } from 'zod'
import { tempFolder } from '../../../src/store/contract/temp-folder.ts'
import { pinnedPython } from '../python.ts'

/** The first test that needs the environment builds it. */
export const MINUTES = 60_000

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Runs a script of this folder with MLflow's client and gives the JSON that it prints last. */
export async function python(script: string, ...args: readonly string[]): Promise<unknown> {
  const program = await pinnedPython(here('./requirements.txt'))
  const env = { PATH: process.env['PATH'], MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false' }
  const { stdout } = await promisify(execFile)(program, [here(script), ...args], {
    env,
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
}

const Reply = z.object({
  model_version: z.string(),
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.string(),
      shape: z.array(z.number()),
      data: z.array(z.union([z.number(), z.string(), z.null()])),
    }),
  ),
})
export type Reply = z.infer<typeof Reply>

export interface SentTensor {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
  readonly data: readonly (number | string | boolean)[]
}

/** What an endpoint answers to tensors. */
export async function infer(
  url: string,
  endpoint: string,
  inputs: readonly SentTensor[],
): Promise<Reply> {
  const response = await fetch(`${url}/v2/models/${endpoint}/infer`, {
    method: 'POST',
    body: JSON.stringify({ inputs }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${text}`)
  return Reply.parse(JSON.parse(text))
}

/**
 * A data folder for a server. Its Python environments are kept between the tests: they take a minute each to make,
 * and are the same by what is in them.
 */
export async function dataFolder(): Promise<string> {
  const data = join(await tempFolder(), 'data')
  const environments = fileURLToPath(new URL('../../../.venvs/served', import.meta.url))
  await mkdir(environments, { recursive: true })
  await mkdir(data)
  await symlink(environments, join(data, 'python'))
  return data
}

/** Numbers that may differ by what float32 rounds. */
export function near(expected: readonly number[], actual: Reply['outputs'][number]): number {
  if (expected.length !== actual.data.length) return Number.NaN
  return Math.max(...expected.map((value, i) => Math.abs(value - Number(actual.data[i]))))
}
