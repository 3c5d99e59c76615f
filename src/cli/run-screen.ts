import type { Run, RunRef } from '@gyre/sdk/wire/run'
import { facts, table } from './table.ts'

/** What `gyre runs show` prints: a paragraph for each thing that the run has. */
export function describeRun(run: Run): string {
  const about: [string, string | readonly string[]][] = [
    ['run', `${run.id}, ${run.kind} ${run.name}`],
    ['status', run.status],
    ...(run.error ? [['error', run.error.message.split('\n')] as [string, string[]]] : []),
    ['started', `${run.startedAt} by ${run.actor}`],
    ['ended', run.endedAt ?? '–'],
  ]
  if (run.experiment !== null) about.push(['experiment', run.experiment])
  if (run.parentId !== null) about.push(['parent', run.parentId])
  const overfit = run.tags['gyre.overfit']
  if (overfit !== undefined) about.push(['overfit', overfit])
  if (run.seed !== null) about.push(['seed', String(run.seed)])
  const { files = {}, written = {}, ...rest } = run.code ?? {}
  const code = Object.entries({ ...rest, ...files }).map(([key, value]) => [
    key,
    Array.isArray(value) ? value.join(' ') : String(value),
  ])
  const metrics = byKey(run.metrics).map(([key, value]) => [key, String(value)])
  const params = byKey(run.params).map(([key, value]) => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  const refs = [...run.inputs.map(refRow('in')), ...run.outputs.map(refRow('out'))]
  return [
    facts(about),
    ...listed(['metric', 'value'], metrics),
    ...listed(['parameter', 'value'], params),
    ...listed(['tag', 'value'], byKey(run.tags)),
    ...listed(['', 'role', 'what'], refs),
    ...listed(['code', ''], code, 80),
    ...listed(['while it ran', ''], byKey(written), 80),
    ...listed(['environment', ''], byKey(run.environment)),
  ].join('\n\n')
}

function byKey<T>(record: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

function listed(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  maxWidth?: number,
): readonly string[] {
  return rows.length === 0 ? [] : [table(headings, rows, maxWidth)]
}

function refRow(direction: 'in' | 'out') {
  return ({ ref, role }: RunRef): readonly string[] => [direction, role, ref]
}
