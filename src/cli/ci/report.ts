import type { GateCheck, Interval } from '@gyre/sdk/wire/gate'

/** The three kinds of gates, in the order they are run. */
export type Family = 'code' | 'data' | 'model'

export type Status = 'passed' | 'failed' | 'skipped'

/** One thing that was looked at. */
export interface CiCheck {
  readonly name: string
  readonly status: Status
  /** What was asked and found, where it is a number. */
  readonly rule?: string
  readonly value?: number | null
  readonly bound?: number | null
  /** The 95 % interval of the value. */
  readonly interval?: Interval
  readonly reason: string
}

export interface CiGate {
  readonly family: Family
  readonly name: string
  readonly status: Status
  /** What a reader wants to know of the whole: the command, the rows, the champion. */
  readonly about: string
  /** The version that was judged, of a model gate. */
  readonly model?: string
  readonly checks: readonly CiCheck[]
}

/** What `gyre ci` found; the same as JSON, JUnit, Markdown and on the terminal. */
export interface CiReport {
  readonly project: string
  readonly passed: boolean
  /** The server that was asked; null for one of this run's own. */
  readonly server: string | null
  /** The versions that were looked at: `churn@3`. */
  readonly models: readonly string[]
  readonly gates: readonly CiGate[]
}

export function reportOf(
  project: string,
  server: string | null,
  gates: readonly CiGate[],
): CiReport {
  const models = [...new Set(gates.flatMap(({ model }) => model ?? []))]
  return {
    project,
    server,
    passed: gates.every(({ status }) => status !== 'failed'),
    models,
    gates,
  }
}

/** A gate that is as its checks are: one that failed fails it, and none at all leaves it skipped. */
export function gateOf(
  family: Family,
  name: string,
  about: string,
  checks: readonly CiCheck[],
): CiGate {
  return { family, name, status: statusOf(checks), about, checks }
}

/** A gate that could not be looked at: refused, with the one reason. */
export function refusedGate(family: Family, name: string, reason: string): CiGate {
  return gateOf(family, name, '', [{ name, status: 'failed', reason }])
}

export function checkOf(check: GateCheck): CiCheck {
  const { metric, slice, rule, value, interval, bound, passed, reason } = check
  return {
    name: slice === undefined ? metric : `${metric} (${slice})`,
    status: passed ? 'passed' : 'failed',
    rule,
    value,
    bound,
    ...(interval ? { interval } : {}),
    reason,
  }
}

function statusOf(checks: readonly CiCheck[]): Status {
  if (checks.some(({ status }) => status === 'failed')) return 'failed'
  return checks.some(({ status }) => status === 'passed') ? 'passed' : 'skipped'
}
