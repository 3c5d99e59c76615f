import type { Run, RunDifference } from '@gyre/sdk/wire/run'
import type { Tx } from '../store/catalog.ts'
import { artifactChanges } from './artifact-difference.ts'
import { curveChanges } from './curve-difference.ts'
import { codeFacts, differences, flat, inputFacts, type Facts } from './facts.ts'

/** What differs between two runs that should be equal: facts, every step of every metric, files. */
export async function differenceOfRuns(db: Tx, before: Run, now: Run): Promise<RunDifference> {
  const found = differences(
    null,
    factsOf({ ...before, code: withoutOutputs(before.code, before.code, now.code) }),
    factsOf({ ...now, code: withoutOutputs(now.code, before.code, now.code) }),
  )
  return {
    ...found,
    metrics: [
      ...found.metrics,
      ...(await curveChanges(db, null, before, now)),
      ...(await artifactChanges(db, null, before, now)),
    ],
  }
}

/**
 * Code without the files that its program itself writes: what was made while it ran, and what was touched then and in
 * the repetition again. Where one of them lay about, whether and how the folder as a whole differed from its commit is
 * left out as well: the other files are told one by one.
 */
function withoutOutputs(code: Run['code'], before: Run['code'], now: Run['code']): Run['code'] {
  const { written: then = {} } = before ?? {}
  const { written: again = {} } = now ?? {}
  const isOutput = (path: string): boolean =>
    then[path] === 'made' || (then[path] === 'touched' && again[path] !== undefined)
  const lying = [before, now].flatMap((each) => Object.keys(each?.files ?? {}))
  if (!code || !lying.some(isOutput)) return code
  const { files = {}, dirty: _dirty, diffDigest: _diffDigest, ...rest } = code
  return {
    ...rest,
    files: Object.fromEntries(Object.entries(files).filter(([path]) => !isOutput(path))),
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
