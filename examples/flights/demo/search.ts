import type { GyreClient } from '@gyre/sdk/client'
import { PipelineRun } from '@gyre/sdk/wire/pipeline'
import { RunDifference } from '@gyre/sdk/wire/run'
import { Study } from '@gyre/sdk/wire/study'
import { z } from 'zod'
import { SEARCH } from './gyre.ts'

/** What the search for the parameters of the trees has found, read back from Gyre. */
export async function readSearch(client: GyreClient) {
  const { counts, trials, best, importance } = await client.get(`/api/v1/studies/${SEARCH}`, Study)
  if (best?.value == null) throw new Error('no trial of the search has finished')
  return { trials, finished: counts.finished, auc: best.value, params: best.params, importance }
}

/** `30 trials, best AUC 0.6912 with learningRate 0.1, …; maxLeaves matters most`. */
export function bestText(search: Awaited<ReturnType<typeof readSearch>>): string {
  const { finished, auc, params, importance } = search
  const chosen = Object.entries(params).map(([name, value]) => `${name} ${shortText(value)}`)
  const [first] = Object.entries(importance).toSorted(([, a], [, b]) => b - a)
  return `${finished} trials, best AUC ${auc.toFixed(4)} with ${chosen.join(', ')}; ${first?.[0]} matters most`
}

function shortText(value: number | string | boolean): string {
  return typeof value === 'number' && !Number.isInteger(value)
    ? value.toPrecision(3)
    : String(value)
}

/** Runs that were executed again on what they were made from, each with how the two differ. */
export async function readReproductions(client: GyreClient) {
  const { runs } = await client.get(
    '/api/v1/pipeline-runs?limit=200',
    z.object({ runs: z.array(PipelineRun) }),
  )
  const repeated = runs.filter(({ repeats }) => repeats !== null)
  return Promise.all(
    repeated.map(async ({ id, repeats }) => ({
      run: id,
      repeats,
      difference: await client.get(`/api/v1/pipeline-runs/${id}/difference`, RunDifference),
    })),
  )
}
