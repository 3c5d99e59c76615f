import type { LoggedShadow } from '../predictions/shadow-row.ts'
import type { ShadowLanding } from './shadow.ts'

/** What a shadow did, beside the prediction that was given, by that prediction's id. */
export function toLoggedShadow(landing: ShadowLanding): LoggedShadow {
  const { flight, releaseId, model, end } = landing
  const base = {
    predictionId: flight.id,
    project: flight.endpoint.project,
    endpoint: flight.endpoint.name,
    receivedMs: flight.receivedMs,
    releaseId,
    primary: flight.picked.model,
    shadow: model,
    status: end,
  }
  switch (landing.end) {
    case 'dropped':
      return base
    case 'failed':
      return { ...base, error: landing.error, inputs: landing.inputs }
    case 'compared': {
      const { agree, maxAbsDiff, inputs, primaryMs, shadowMs } = landing
      return { ...base, agree, maxAbsDiff, inputs, primaryMs, shadowMs }
    }
  }
}
