import { z } from 'zod'
import { GyreError, toGyreError } from '../../core/errors.ts'
import type { ChartRange } from '../../store/metric-chart.ts'
import { defineMlflow, type MlflowRoute } from './route.ts'
import { metricOut, runIdOf } from './runs.ts'
import { Int32, MISSING, repeatedInQuery, Required, some } from './wire.ts'

/** What one page holds when the client sets no size: its own page is 25,000. */
const PAGE = 1_000_000

const history = defineMlflow({
  method: 'GET',
  path: '/mlflow/metrics/get-history',
  summary: 'Every point of a metric, by time',
  scope: 'read',
  input: z.object({
    run_id: z.string().optional(),
    run_uuid: z.string().optional(),
    metric_key: Required,
    max_results: Int32.positive('expected a positive number').optional(),
    page_token: z.string().optional(),
  }),
  async handle({ tracking }, ctx, { metric_key: key, max_results, page_token, ...ids }) {
    const limit = max_results ?? PAGE
    const { points, next } = await tracking.history(
      ctx,
      runIdOf(ids),
      key,
      limit,
      page_token || undefined,
    )
    return {
      metrics: some(points.map((point) => metricOut({ key, ...point }))),
      next_page_token: next,
    }
  },
})

/** MLflow's own page of a chart asks for so many points at most. */
const CHART_POINTS = 25_000

const bulk = defineMlflow({
  method: 'GET',
  path: '/mlflow/metrics/get-history-bulk',
  summary: 'The first points of a metric of several runs, by time',
  scope: 'read',
  input: z.object({
    run_id: repeatedInQuery(z.string()).refine((ids) => ids.length > 0, MISSING),
    metric_key: Required,
    max_results: Int32.positive('expected a positive number').default(CHART_POINTS),
  }),
  async handle({ tracking }, ctx, { run_id: ids, metric_key: key, max_results: most }) {
    const metrics: object[] = []
    for (const id of ids) {
      if (metrics.length >= most) break
      const points = await ofRunsThereAre(
        tracking.history(ctx, id, key, most - metrics.length).then((page) => page.points),
      )
      for (const point of points) metrics.push({ run_id: id, ...metricOut({ key, ...point }) })
    }
    return { metrics }
  },
})

const interval = defineMlflow({
  method: 'GET',
  path: '/mlflow/metrics/get-history-bulk-interval',
  summary: 'A metric of several runs for a chart: thinned, its extremes kept',
  scope: 'read',
  input: z.object({
    run_ids: repeatedInQuery(z.string()).refine((ids) => ids.length > 0, MISSING),
    metric_key: Required,
    start_step: Int32.optional(),
    end_step: Int32.optional(),
    max_results: Int32.min(1).max(2_500).default(320),
  }),
  async handle({ tracking }, ctx, { run_ids: ids, metric_key: key, max_results: most, ...steps }) {
    const range = rangeOf(steps.start_step, steps.end_step)
    const charts = await Promise.all(
      ids.map(async (id) => {
        const points = await ofRunsThereAre(tracking.chart(ctx, id, key, most, range))
        return points.map((point) => ({ run_id: id, ...metricOut({ key, ...point }) }))
      }),
    )
    return { metrics: some(charts.flat()) }
  },
})

/** Answers for many runs leave out what is not there: a chart need not fail for one run that is gone. */
async function ofRunsThereAre<T>(reading: Promise<readonly T[]>): Promise<readonly T[]> {
  return reading.catch((thrown: unknown) => {
    if (toGyreError(thrown).code === 'NOT_FOUND') return []
    throw thrown
  })
}

function rangeOf(from: number | undefined, until: number | undefined): ChartRange | undefined {
  if (from === undefined && until === undefined) return undefined
  if (from === undefined || until === undefined)
    throw new GyreError('INVALID_ARGUMENT', 'start_step and end_step: expected both or neither', {
      field: from === undefined ? 'start_step' : 'end_step',
    })
  if (from > until)
    throw new GyreError('INVALID_ARGUMENT', `end_step: expected ${from} or more, got ${until}`, {
      field: 'end_step',
    })
  return { from, until }
}

export const metricRoutes: readonly MlflowRoute[] = [history, bulk, interval]
