import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined } from './definition.ts'
import { checkDuration, checkSpan, type Duration } from './duration.ts'
import type { Endpoint } from './endpoint.ts'
import { checkInstant } from './instant.ts'
import { checkName } from './name.ts'

/** What is watched, in windows of event time, and from where on it is a finding. */
export interface MonitorOptions {
  readonly endpoint: Endpoint
  /** Width of a window, in event time. */
  readonly every: Duration
  /** Start of the first window. */
  readonly from: string
  /** How long labels are waited for after the end of a window. */
  readonly lag: Duration
  /** With fewer rows than this on either side the answer is "not enough data"; 500 unless told. */
  readonly minRows?: number
  /** A log loss worse than at the gate by more than this is a finding; not judged unless told. */
  readonly worseBy?: number
  /** |mean score − label rate| beyond this is a finding; not judged unless told. */
  readonly calibrationWithin?: number
  /** Share of quarantined requests above which an alert is raised; 0.05 unless told. */
  readonly quarantineShare?: number
}

/** A watch over an endpoint, for `onDrift` and `onQuality`. */
export type Monitor = Defined<'monitor'>

/** Defines what is watched of an endpoint: drift of inputs and score, quality once labels are known. */
export function monitor(name: string, options: MonitorOptions): Monitor {
  const here = `monitor ${name}`
  const { endpoint, every, from, lag, ...limits } = options
  checkName('monitor', name)
  checkSpan(`${here}.every`, every)
  checkInstant(`${here}.from`, from)
  checkDuration(`${here}.lag`, lag)
  const { minRows = 1, worseBy = 1, calibrationWithin = 1, quarantineShare = 0 } = limits
  if (!Number.isSafeInteger(minRows) || minRows < 1)
    throw new DefinitionError(`${here}.minRows`, `expected a whole number from 1, got ${minRows}`)
  for (const [limit, value] of Object.entries({ worseBy, calibrationWithin }))
    if (!(value > 0))
      throw new DefinitionError(`${here}.${limit}`, `expected a number above 0, got ${value}`)
  if (!(quarantineShare >= 0 && quarantineShare <= 1))
    throw new DefinitionError(`${here}.quarantineShare`, `expected 0 to 1, got ${quarantineShare}`)
  const spec = { name, endpoint: endpoint[DEFINITION].spec.name, every, from, lag, ...limits }
  return { [DEFINITION]: { kind: 'monitor', spec } }
}
