import { intervalText } from '../interval-text.ts'
import type { CiCheck, CiGate, CiReport } from './report.ts'

/** For the servers that read test reports: a suite a gate, a test case a check. */
export function reportJunit({ project, gates }: CiReport): string {
  const all = gates.flatMap(({ checks }) => checks)
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escape(project)}" ${countsOf(all)}>`,
    ...gates.map(suiteText),
    '</testsuites>',
    '',
  ].join('\n')
}

function suiteText({ family, name, checks }: CiGate): string {
  const suite = `${family} ${name}`
  const cases = checks.map((check) => caseText(suite, check))
  return [
    `  <testsuite name="${escape(suite)}" ${countsOf(checks)}>`,
    ...cases,
    '  </testsuite>',
  ].join('\n')
}

function caseText(suite: string, { name, status, rule, interval, reason }: CiCheck): string {
  const title = rule === undefined ? name : `${name} ${rule}`
  const head = `    <testcase classname="${escape(suite)}" name="${escape(title)}"`
  const said =
    status === 'failed'
      ? `<failure message="${escape(reason)}">${escape(reason)}</failure>`
      : status === 'skipped'
        ? `<skipped message="${escape(reason)}"/>`
        : ''
  const range = interval ? `95 % interval: ${intervalText(interval)}` : ''
  const inside = `${said}${range && `<system-out>${range}</system-out>`}`
  return inside === '' ? `${head}/>` : `${head}>${inside}</testcase>`
}

function countsOf(checks: readonly CiCheck[]): string {
  const failures = checks.filter(({ status }) => status === 'failed').length
  const skipped = checks.filter(({ status }) => status === 'skipped').length
  return `tests="${checks.length}" failures="${failures}" errors="0" skipped="${skipped}"`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
}

/** XML 1.0 has no way to say most control characters: they go. */
function escape(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replaceAll(/[&<>"\n]/g, (mark) => ENTITIES[mark] ?? mark)
}
