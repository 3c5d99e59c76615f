import { Alert, MonitorWindow } from '@gyre/sdk/wire/monitor'
import { Instant, Name } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { defineRoute } from '../route.ts'

const MonitorParams = z.strictObject({ monitor: Name })
const Windows = z.strictObject({ windows: z.array(MonitorWindow) })

export const listWindows = defineRoute({
  method: 'GET',
  path: '/api/v1/monitors/:monitor/windows',
  summary: 'Judged windows, oldest first',
  scope: 'read',
  params: MonitorParams,
  reply: Windows,
  errors: ['NOT_FOUND'],
  handle: async ({ monitor }, ctx, { params }) => ({
    windows: [...(await monitor.windows(ctx, params.monitor))],
  }),
})

export const checkMonitor = defineRoute({
  method: 'POST',
  path: '/api/v1/monitors/:monitor/check',
  summary: 'Judge closed windows now; with `until`, as if event time had come that far',
  scope: 'write',
  params: MonitorParams,
  body: z.strictObject({ until: z.exactOptional(Instant) }),
  reply: Windows,
  errors: ['NOT_FOUND'],
  async handle({ monitor }, ctx, { params, body }) {
    const options = body.until === undefined ? {} : { until: new Date(body.until) }
    return { windows: [...(await monitor.check(ctx, params.monitor, options))] }
  },
})

export const listAlerts = defineRoute({
  method: 'GET',
  path: '/api/v1/alerts',
  summary: 'Alerts, newest first',
  scope: 'read',
  query: z.strictObject({ state: z.exactOptional(Alert.shape.state) }),
  reply: z.strictObject({ alerts: z.array(Alert) }),
  errors: [],
  handle: async ({ monitor }, ctx, { query }) => ({
    alerts: [...(await monitor.alerts(ctx, query.state))],
  }),
})
