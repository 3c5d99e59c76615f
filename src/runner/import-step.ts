import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { StepContext } from '@gyre/sdk'
import { GyreError } from '../core/errors.ts'

export type UserStep = (ctx: StepContext, inputs: unknown) => Promise<unknown>

/** The function of a step, out of the bundle's folder. Throws STEP_FAILED when the chunk exports none of that name. */
export async function importStep(
  folder: string,
  { chunk, export: name }: { chunk: string; export: string },
): Promise<UserStep> {
  const module: unknown = await import(pathToFileURL(join(folder, chunk)).href)
  const found = new Map(Object.entries(Object(module))).get(name)
  if (!isUserStep(found)) throw new GyreError('STEP_FAILED', `${chunk} exports no function ${name}`)
  return found
}

function isUserStep(value: unknown): value is UserStep {
  return typeof value === 'function'
}
