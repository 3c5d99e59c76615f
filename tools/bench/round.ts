import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { siblingUrl, spawnProcess } from '../../src/core/spawn.ts'
import type { LoadPlan, LoadReport } from './load.ts'
import type { Program } from './program.ts'

/** What a request cost, and how it went for the callers. */
export interface Round {
  /** Of the server's whole process tree; NaN where that cannot be measured. */
  readonly cpuUs: number
  readonly perSecond: number
  readonly p95Ms: number
  readonly p99Ms: number
  /** Of the path that was probed meanwhile; NaN without one. */
  readonly probeP99Ms: number
}

/** By then the log of the last requests is on the disk, and paid for. */
const SETTLE_MS = 700

/** Sends the requests of a plan to a program. Throws when one of them fails. */
export async function roundOver(program: Program, plan: Omit<LoadPlan, 'port'>): Promise<Round> {
  const generator = spawnProcess(siblingUrl('./load-process', import.meta.url), [], {})
  await once(generator, 'spawn')
  const before = await program.usage()
  generator.send({ ...plan, port: program.port })
  const [report]: LoadReport[] = await once(generator, 'message')
  await delay(SETTLE_MS)
  const after = await program.usage()
  if (!report || report.failed > 0)
    throw new Error(`${report?.failed} of ${plan.requests} requests to ${plan.path} failed`)
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / plan.requests,
    perSecond: plan.requests / report.seconds,
    p95Ms: report.p95Ms,
    p99Ms: report.p99Ms,
    probeP99Ms: report.probeP99Ms,
  }
}
