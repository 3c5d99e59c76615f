import type { Interval, Verdict } from '@gyre/sdk/wire/gate'
import type { LineageNode } from '@gyre/sdk/wire/lineage'
import type { ModelReport } from '@gyre/sdk/wire/model'
import { approvalLines } from './approval-text.ts'
import { intervalText } from './interval-text.ts'
import { facts, table } from './table.ts'

/** The four answers about a model on one screen. */
export function describeModel({ name, serving, production, versions }: ModelReport): string {
  if (!production) {
    const some = versions.length === 1 ? 'one version' : `${versions.length} versions`
    return `${name}: nothing in production yet; ${some}`
  }
  const { version, data, verdict, metrics, standing } = production
  const behind = serving
    .filter(({ model }) => model === version.ref)
    .map(({ endpoint, arm, weightBp }) => `${endpoint} (${arm}, ${weightBp / 100} % of subjects)`)
  const head = facts([
    ['model', name],
    ['in production', `${version.ref}, created ${version.createdAt} by ${version.createdBy}`],
    ['behind', behind.join(', ') || 'no endpoint'],
    ['trained on', data.length > 0 ? data.map(sourceText) : 'unknown'],
    ['approved by', approvalLines(standing, version.approvals)],
    [
      'gate',
      verdict
        ? `${verdict.gate} ${verdict.passed ? 'passed' : 'refused'} on ${verdict.rows} rows`
        : 'none',
    ],
  ])
  const rows = Object.entries(metrics).map(([metric, value]) => [
    metric,
    value,
    rangeText(verdict?.intervals?.[metric]),
    verdict?.metrics.champion?.[metric] ?? null,
    verdict?.metrics.baseline?.[metric] ?? null,
  ])
  const columns = ['metric', 'this version', '95 % interval', 'champion then', 'baseline']
  return [head, table(columns, rows), ...(verdict ? slicesTable(verdict) : [])].join('\n\n')
}

/** The slices that came out worst, each with what was asked of it. */
function slicesTable({ checks }: Verdict): readonly string[] {
  const rows = checks.flatMap(({ metric, slice, value, interval, rule }) =>
    slice === undefined ? [] : [[metric, slice, value, rangeText(interval), rule]],
  )
  if (rows.length === 0) return []
  return [table(['metric', 'worst slice', 'value', '95 % interval', 'asked'], rows)]
}

function rangeText(interval: Interval | undefined): string {
  return interval ? intervalText(interval) : '–'
}

/** A dataset with its digest, or an endpoint that a model learned from. */
export function sourceText({ ref, kind, digest }: LineageNode): string {
  if (kind === 'endpoint') return `${ref}, what it answered and the labels that came back`
  return `${ref} ${digest ?? ''}`.trim()
}
