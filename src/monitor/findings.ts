import type { DriftResult, MonitorSpec, MonitorWindow } from '@gyre/sdk/wire/monitor'
import type { Measured } from './measure.ts'

/** Something a monitor holds against its endpoint, as events and alerts tell it. */
export interface Finding {
  readonly kind: 'drift' | 'quality' | 'quarantine'
  readonly event: 'drift.detected' | 'quality.degraded' | 'quarantine.high'
  /** What it is about: an input's name, `score`, a metric. */
  readonly subject: string
  readonly message: string
  readonly value: number
  /** True for drift that comes from quarantined requests alone. */
  readonly brokenInput: boolean
}

/** What was found, and the keys of everything there was enough data to judge. */
export interface Conclusion {
  readonly findings: readonly Finding[]
  readonly assessed: ReadonlySet<string>
}

/** The name under which one alert stands for a finding that comes again. */
export function keyOf({ kind, subject }: Pick<Finding, 'kind' | 'subject'>): string {
  return `${kind}:${subject}`
}

/** `referenceLogLoss` is what the main version scored at its gate; undefined where it met none. */
export function conclude(
  measured: Measured,
  spec: MonitorSpec,
  referenceLogLoss: number | undefined,
): Conclusion {
  const quarantine = judgeQuarantine(measured, spec)
  // Answers to broken requests say nothing of the model, and another one would do no better.
  const isSound = quarantine?.finding === undefined
  const judgements = [
    ...judgeDrift(measured),
    isSound ? judgeLogLoss(measured, spec, referenceLogLoss) : undefined,
    isSound ? judgeCalibration(measured, spec) : undefined,
    quarantine,
  ].filter((one) => one !== undefined)
  return {
    findings: judgements.flatMap(({ finding }) => finding ?? []),
    assessed: new Set(judgements.map(({ key }) => key)),
  }
}

export function toWireFinding(finding: Finding): MonitorWindow['findings'][number] {
  const { kind, subject, message, value } = finding
  return { kind, subject, message, value }
}

interface Judgement {
  readonly key: string
  readonly finding: Finding | undefined
}

function judgement(isFound: boolean, finding: Finding): Judgement {
  return { key: keyOf(finding), finding: isFound ? finding : undefined }
}

function judgeDrift({ drift, scoreDrift, brokenInputs }: Measured): Judgement[] {
  const all: [string, DriftResult][] = Object.entries(drift)
  if (scoreDrift) all.push(['score', scoreDrift])
  return all
    .filter(([, { psi, state }]) => psi !== null && state !== 'partial')
    .map(([subject, { psi, state, rule }]) => {
      const brokenInput = brokenInputs.includes(subject)
      const why = brokenInput ? ', from quarantined requests alone' : ''
      return judgement(state === 'act', {
        kind: 'drift',
        event: 'drift.detected',
        subject,
        message: `${subject} has moved from the training rows: PSI ${shown(psi ?? 0)} (${rule})${why}`,
        value: psi ?? 0,
        brokenInput,
      })
    })
}

function judgeLogLoss(
  { logLoss }: Measured,
  { worseBy }: MonitorSpec,
  reference: number | undefined,
): Judgement | undefined {
  if (logLoss === null || worseBy === undefined || reference === undefined) return undefined
  return judgement(logLoss > reference + worseBy, {
    kind: 'quality',
    event: 'quality.degraded',
    subject: 'logLoss',
    message: `log loss ${shown(logLoss)} against ${shown(reference)} at the gate: worse by more than ${worseBy}`,
    value: logLoss,
    brokenInput: false,
  })
}

function judgeCalibration(
  { calibration }: Measured,
  { calibrationWithin }: MonitorSpec,
): Judgement | undefined {
  if (calibration === null || calibrationWithin === undefined) return undefined
  return judgement(Math.abs(calibration) > calibrationWithin, {
    kind: 'quality',
    event: 'quality.degraded',
    subject: 'calibration',
    message: `mean score − label rate is ${shown(calibration)}, not within ±${calibrationWithin}`,
    value: calibration,
    brokenInput: false,
  })
}

function judgeQuarantine(
  { quarantined, predictions }: Measured,
  { quarantineShare, minRows, endpoint }: MonitorSpec,
): Judgement | undefined {
  if (predictions < minRows) return undefined
  const share = quarantined / predictions
  return judgement(share > quarantineShare, {
    kind: 'quarantine',
    event: 'quarantine.high',
    subject: endpoint,
    message: `${shown(share * 100)} % of the requests broke their contract, more than ${shown(quarantineShare * 100)} %`,
    value: share,
    brokenInput: true,
  })
}

function shown(value: number): string {
  return String(Number(value.toPrecision(3)))
}
