import type { Verdict } from '@gyre/sdk/wire/gate'
import type { ModelCard } from '@gyre/sdk/wire/model'
import { z } from 'zod'
import { approvalLines } from './approval-text.ts'
import { sourceText } from './model-screen.ts'
import { facts, table } from './table.ts'

/** What `gyre model card` prints: what a reviewer asks of a version before it goes out. */
export function describeCard(card: ModelCard): string {
  const { version, description, signature, data, verdict, metrics, params, standing } = card
  const said = [description, version.description ?? ''].filter((text) => text !== '')
  const head = facts([
    ['version', `${version.ref}, created ${version.createdAt} by ${version.createdBy}`],
    ['stage', version.stage],
    ...(version.aliases.length > 0 ? [['aliases', version.aliases.join(', ')] as const] : []),
    ['about', said.join('; ') || '–'],
    ['trained on', data.map(sourceText).join('; ') || 'unknown'],
    ['run', version.runId ?? '–'],
    ['approved by', approvalLines(standing, version.approvals).join('; ')],
    ['gate', verdict ? verdictText(verdict) : 'none'],
    ['takes', columnsText(signature?.inputs)],
    ['gives', columnsText(signature?.outputs)],
  ])
  const measured = Object.entries(metrics).map(([key, value]) => [key, value])
  const set = Object.entries(params).map(([key, value]) => [key, textOf(value)])
  return [
    head,
    ...(measured.length > 0 ? [table(['metric', 'value'], measured)] : []),
    ...(set.length > 0 ? [table(['parameter', 'value'], set)] : []),
  ].join('\n\n')
}

/** `good-enough refused: auc: 0.68 is not > 0.77` */
function verdictText({ gate, passed, checks }: Verdict): string {
  if (passed) return `${gate} passed`
  const reasons = checks.filter((check) => !check.passed)
  return `${gate} refused: ${reasons.map(({ metric, reason }) => `${metric}: ${reason}`).join('; ')}`
}

/** `visits: double, plan: string`; a tensor by its kind and shape. */
function columnsText(columns: unknown): string {
  if (!Array.isArray(columns)) return 'unknown'
  return columns.map(columnText).join(', ') || 'nothing'
}

function columnText(column: unknown): string {
  const { name, type, 'tensor-spec': tensor } = Column.catch({}).parse(column)
  const kind = tensor ? `${tensor.dtype}${JSON.stringify(tensor.shape)}` : (type ?? '?')
  return name === undefined ? kind : `${name}: ${kind}`
}

const Column = z.object({
  name: z.union([z.string(), z.number()]).optional(),
  type: z.string().optional(),
  'tensor-spec': z.object({ dtype: z.string(), shape: z.array(z.number()) }).optional(),
})

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
