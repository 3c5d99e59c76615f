import { load, type LoadPlan } from './load.ts'

/** The generator in a process of its own, so that its work is not counted as the server's. */
process.once('message', (plan: LoadPlan) => void answer(plan))

async function answer(plan: LoadPlan): Promise<void> {
  process.send?.(await load(plan))
  process.disconnect()
}
