import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { errnoOf, toGyreError } from '../../core/errors.ts'
import { counted } from '../counted.ts'
import { readJunit, type TestCase } from './junit-read.ts'
import { gateOf, type CiCheck, type CiGate } from './report.ts'

export interface CodeTests {
  readonly folder: string
  /** A line for the shell; `npm test` where the package has one, unless told. */
  readonly command?: string | undefined
  /** The JUnit report that it writes, from the project's folder. */
  readonly junit?: string | undefined
}

/**
 * Runs the project's own tests with the terminal's stderr as their output. They pass when the command ends with 0 and,
 * where it writes a report, the report has cases and none of them failed. An older report is taken away first.
 */
export async function runCodeGate({ folder, command, junit }: CodeTests): Promise<CiGate> {
  const line = command ?? (await packageTest(folder))
  if (line === undefined) {
    const reason = 'no test command: name one with --test, or give package.json a script "test"'
    return gateOf('code', 'tests', reason, [{ name: 'tests', status: 'skipped', reason }])
  }
  const path = junit === undefined ? undefined : join(folder, junit)
  if (path !== undefined) await rm(path, { force: true })
  const child = spawn(line, { cwd: folder, shell: true, stdio: ['ignore', 2, 2] })
  const [code, signal] = await once(child, 'close')
  const ended: CiCheck = {
    name: line,
    status: code === 0 ? 'passed' : 'failed',
    reason: code === 0 ? 'ended with 0' : `ended with ${String(code ?? signal)}`,
  }
  if (path === undefined || junit === undefined) return gateOf('code', 'tests', line, [ended])
  const cases = await readCases(path, junit)
  return gateOf('code', 'tests', `${line}: ${counted(cases.length, 'case')}`, [ended, ...cases])
}

async function readCases(path: string, shown: string): Promise<readonly CiCheck[]> {
  const refuse = (reason: string): readonly CiCheck[] => [{ name: shown, status: 'failed', reason }]
  try {
    const cases = readJunit(await readFile(path, 'utf8'))
    return cases.length === 0 ? refuse('the report has no test case') : cases.map(toCheck)
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return refuse('the tests wrote no such report')
    return refuse(toGyreError(thrown).message)
  }
}

function toCheck({ name, outcome, message }: TestCase): CiCheck {
  return { name, status: outcome, reason: message || outcome }
}

const Package = z.object({ scripts: z.object({ test: z.string().optional() }).optional() })

async function packageTest(folder: string): Promise<string | undefined> {
  try {
    const text = await readFile(join(folder, 'package.json'), 'utf8')
    return Package.parse(JSON.parse(text)).scripts?.test === undefined ? undefined : 'npm test'
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return undefined
    throw thrown
  }
}
