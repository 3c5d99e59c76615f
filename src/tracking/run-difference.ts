import type { Run, RunDifference } from '@gyre/sdk/wire/run'
import type { Tx } from '../store/catalog.ts'
import { artifactChanges } from './artifact-difference.ts'
import { curveChanges } from './curve-difference.ts'
import { codeFacts, differences, flat, inputFacts, type Facts } from './facts.ts'

/** What differs between two runs that should be equal: facts, every step of every metric, files. */
export async function differenceOfRuns(db: Tx, before: Run, now: Run): Promise<RunDifference> {
  const found = differences(null, factsOf(before), factsOf(now))
  return {
    ...found,
    metrics: [
      ...found.metrics,
      ...(await curveChanges(db, null, before, now)),
      ...(await artifactChanges(db, null, before, now)),
    ],
  }
}

function factsOf(run: Run): Facts {
  const { params, seed, code, environment, metrics, status } = run
  return {
    inputs: new Map([...flat({ params, seed }), ...inputFacts(run)]),
    code: codeFacts(code),
    environment: flat(environment),
    metrics: flat({ ...metrics, 'run.status': status }),
  }
}
