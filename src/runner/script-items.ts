import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { StepWork } from '@gyre/sdk/wire/step'
import type { PythonStepDeps } from '../train/python-step.ts'
import { createStepFiles } from '../train/step-files.ts'
import { createItemPoints, noCheckpoint, type OpenItems } from './item.ts'
import type { Workplace } from './perform.ts'
import { GRACE_MS, runScript, scriptDeps } from './script-step.ts'
import { factTeller } from './station.ts'

/** A script in Python, in a process and a folder of its own for each item. */
export async function openScriptItems(
  place: Workplace,
  work: StepWork,
  spec: Extract<StepSpec, { kind: 'python' }>,
): Promise<OpenItems> {
  const files = createStepFiles(place.station.client, place.folder)
  const tell = onlyOnce(factTeller(place.station))
  return {
    async perform({ item, inputs, seed }) {
      const points = createItemPoints()
      const folder = join(place.folder, `item-${item}`)
      await mkdir(folder)
      const deps: PythonStepDeps = {
        ...scriptDeps(place, work, files),
        folder,
        tell,
        commit: noCheckpoint,
        graceMs: GRACE_MS,
        log: async (told) => told.forEach(({ key, value, step }) => points.add(key, value, step)),
      }
      try {
        const own = { ...work, spec, inputs: { ...work.inputs, ...inputs }, seed }
        return { outputs: await runScript(deps, own, work, place), points: points.all() }
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

function onlyOnce<A extends unknown[]>(work: (...args: A) => Promise<void>) {
  let done: Promise<void> | undefined
  return (...args: A): Promise<void> => (done ??= work(...args))
}
