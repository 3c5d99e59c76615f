import type { GyreClient } from '@gyre/sdk/client'
import { z } from 'zod'
import { processFacts } from '../core/process-facts.ts'

/** What the server answers to a step that tells something. */
export const Done = z.strictObject({})

/** Where a step's process speaks to the server. */
export interface Station {
  readonly client: GyreClient
  /** `/api/v1/steps/RUN/STEP` */
  readonly path: string
  readonly fence: number
}

/** Keeps the step's lease; `lost` is called when it is somebody else's. */
export async function heartbeat({ client, path, fence }: Station, lost: () => void): Promise<void> {
  try {
    await client.post(`${path}/heartbeat`, { fence }, Done)
  } catch {
    lost()
  }
}

/** Tells what the step runs on, and `more`. */
export function factTeller({ client, path, fence }: Station) {
  return async (more: Readonly<Record<string, string>> = {}): Promise<void> => {
    const environment = { ...processFacts(), ...more }
    await client.post(`${path}/facts`, { fence, environment }, Done)
  }
}

export type FactTeller = ReturnType<typeof factTeller>
