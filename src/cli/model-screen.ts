import type { ModelReport } from '@gyre/sdk/wire/model'
import { facts, table } from './table.ts'

/** The four answers about a model on one screen. */
export function describeModel({ name, serving, production, versions }: ModelReport): string {
  if (!production) return `${name}: nothing in production yet; ${versions.length} versions`
  const { version, data, approval, verdict } = production
  const behind = serving
    .filter(({ model }) => model === version.ref)
    .map(({ endpoint, arm, weightBp }) => `${endpoint} (${arm}, ${weightBp / 100} % of subjects)`)
  const head = facts([
    ['model', name],
    ['in production', `${version.ref}, created ${version.createdAt} by ${version.createdBy}`],
    ['behind', behind.join(', ') || 'no endpoint'],
    [
      'trained on',
      data.map((node) => `${node.ref} ${node.digest ?? ''}`.trim()).join('\n               ') ||
        'unknown',
    ],
    [
      'approved by',
      approval
        ? `${approval.actor} at ${approval.at}${approval.note ? `: ${approval.note}` : ''}`
        : 'nobody',
    ],
    [
      'gate',
      verdict
        ? `${verdict.gate} ${verdict.passed ? 'passed' : 'refused'} on ${verdict.rows} rows`
        : 'none',
    ],
  ])
  const metrics = verdict
    ? Object.entries(verdict.metrics.candidate).map(([metric, value]) => [
        metric,
        value,
        verdict.metrics.champion?.[metric] ?? null,
        verdict.metrics.baseline?.[metric] ?? null,
      ])
    : Object.entries(version.metrics).map(([metric, value]) => [metric, value, null, null])
  return `${head}\n\n${table(['metric', 'this version', 'champion then', 'baseline'], metrics)}`
}
