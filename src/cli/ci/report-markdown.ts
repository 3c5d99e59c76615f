import { counted } from '../counted.ts'
import { intervalText } from '../interval-text.ts'
import type { CiCheck, CiGate, CiReport, Status } from './report.ts'

const MARKS: Record<Status, string> = { passed: '✅', failed: '❌', skipped: '➖' }

/** For a pull request: the verdict, then a table a gate. */
export function reportMarkdown({ project, passed, server, gates }: CiReport): string {
  const failed = gates.filter(({ status }) => status === 'failed').length
  const verdict = passed
    ? 'all gates passed'
    : `refused, ${failed} of ${counted(gates.length, 'gate')} failed`
  return [`## ${MARKS[passed ? 'passed' : 'failed']} ${cell(project)}: ${verdict}`]
    .concat(
      server === null
        ? ['On a server of its own, which has no champion: comparisons with one pass.']
        : [],
    )
    .concat(gates.map(gateText))
    .join('\n\n')
    .concat('\n')
}

function gateText({ family, name, status, about, checks }: CiGate): string {
  const title = `### ${MARKS[status]} ${family}: ${cell(name)}`
  const rows = checks.map(rowText)
  return [
    `${title}${about === '' ? '' : `\n${cell(about)}`}`,
    ['| | check | rule | value | 95 % interval | why |', '|---|---|---|---|---|---|', ...rows].join(
      '\n',
    ),
  ].join('\n\n')
}

function rowText({ name, status, rule = '', value, interval, reason }: CiCheck): string {
  const shown = value == null ? '' : String(Number(value.toPrecision(6)))
  const range = interval ? intervalText(interval) : ''
  return `| ${[MARKS[status], name, rule, shown, range, reason].map(cell).join(' | ')} |`
}

function cell(text: string): string {
  return text
    .trim()
    .replaceAll(/[\\`*_[\]<>|]/g, (mark) => `\\${mark}`)
    .replaceAll(/\s*\n\s*/g, '<br>')
}
