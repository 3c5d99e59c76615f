import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Params, SearchSpace } from '../../src/studies/search/space.ts'

/** A Python process that asks Optuna's TPE, started once so that its imports are not timed. */
export interface Optuna {
  begin(space: SearchSpace, seed: number): Promise<void>
  ask(): Promise<OptunaTrial>
  tell(loss: number): Promise<void>
  close(): void
}

const OptunaTrial = z.object({
  params: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  /** Processor time of the suggestion. */
  ms: z.number(),
})

interface OptunaTrial {
  readonly params: Params
  readonly ms: number
}

const SCRIPT = fileURLToPath(new URL('optuna_peer.py', import.meta.url))

export function startOptuna(python: string): Optuna {
  const child = spawn(python, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] })
  const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  async function send(request: unknown): Promise<unknown> {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    const reply = await replies.next()
    if (reply.done) throw new Error('Optuna ended without an answer')
    return JSON.parse(reply.value)
  }
  return {
    begin: async (space, seed) => void (await send({ space, seed })),
    ask: async () => OptunaTrial.parse(await send({ ask: true })),
    tell: async (loss) => void (await send({ tell: loss })),
    close: () => child.stdin.end(),
  }
}
