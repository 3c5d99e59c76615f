import { counted } from '../counted.ts'
import { intervalText } from '../interval-text.ts'
import { table } from '../table.ts'
import type { CiCheck, CiGate, CiReport } from './report.ts'

/** On the terminal: a line a gate, the reasons of what failed, the verdict last. */
export function reportText({ gates, passed, server, project }: CiReport): string {
  const rows = gates.map(({ family, name, status, checks, about }) => [
    family,
    name,
    status,
    `${checks.filter((check) => check.status === 'passed').length}/${checks.length}`,
    about,
  ])
  const failed = gates.filter(({ status }) => status === 'failed')
  const where = server ?? 'a server of its own, empty before: there is no champion to compare with'
  return [
    `${project} on ${where}`,
    table(['gate', 'of', 'result', 'checks', 'about'], rows, 90),
    ...failed.map(whyText),
    passed ? 'passed' : `refused: ${failed.length} of ${counted(gates.length, 'gate')} failed`,
  ].join('\n\n')
}

function whyText({ family, name, checks }: CiGate): string {
  const reasons = checks.filter(({ status }) => status === 'failed').map(reasonText)
  return [`${family} ${name} failed:`, ...reasons].join('\n')
}

function reasonText({ name, reason, interval }: CiCheck): string {
  const lines = reason.trim().split('\n').join('\n    ')
  return `  ${name}: ${lines}${interval ? ` [95 % ${intervalText(interval)}]` : ''}`
}
