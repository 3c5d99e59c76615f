import { GyreError } from '../../core/errors.ts'

/** A test case of a JUnit report. */
export interface TestCase {
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** What the report says of it; empty when it passed. */
  readonly message: string
}

/** A tag, a comment, or text that is no markup; attributes may hold `>`. */
const TOKEN =
  /<!--[^]*?-->|<!\[CDATA\[([^]*?)\]\]>|<(\/?)([\w:.-]+)((?:"[^"]*"|'[^']*'|[^>"'])*?)(\/?)>/g

const ATTRIBUTE = /([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
}

/**
 * The test cases of a JUnit report, in order: what pytest, vitest, Jest, Surefire and others write. Only
 * `testcase` and what stands in it is read. Throws INVALID_INPUT for text that is no such report.
 */
export function readJunit(text: string): readonly TestCase[] {
  const cases: TestCase[] = []
  let open: TestCase | undefined
  let isReport = false
  for (const [, , closes, tag = '', attributes = '', isEmpty] of text.matchAll(TOKEN)) {
    if (tag === 'testsuites' || tag === 'testsuite') isReport = true
    if (tag === 'testcase' && closes === '/') {
      if (open) cases.push(open)
      open = undefined
    } else if (tag === 'testcase') {
      const { classname, name = 'unnamed' } = attributesOf(attributes)
      const full = classname === undefined ? name : `${classname} > ${name}`
      open = { name: full, outcome: 'passed', message: '' }
      if (isEmpty === '/') {
        cases.push(open)
        open = undefined
      }
    } else if (open && closes !== '/') open = withOutcome(open, tag, attributesOf(attributes))
  }
  if (!isReport || open)
    throw new GyreError(
      'INVALID_INPUT',
      'expected a JUnit report: a whole <testsuites> or <testsuite>',
    )
  return cases
}

function withOutcome(
  one: TestCase,
  tag: string,
  { message = '' }: Readonly<Record<string, string>>,
): TestCase {
  if (tag === 'failure' || tag === 'error')
    return { ...one, outcome: 'failed', message: message || tag }
  if (tag === 'skipped' && one.outcome === 'passed') return { ...one, outcome: 'skipped', message }
  return one
}

function attributesOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(ATTRIBUTE)].map(([, name = '', double, single]) => [
      name,
      unescape(double ?? single ?? ''),
    ]),
  )
}

function unescape(text: string): string {
  return text.replaceAll(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(String(hex), 16))
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
    return ENTITIES[String(name)] ?? whole
  })
}
