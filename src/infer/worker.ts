import { parentPort, workerData } from 'node:worker_threads'
import { createModelHost } from './model-host.ts'
import { guardNative, type GuardMemory } from './native-guard.ts'
import { START, type Command, type Reply } from './protocol.ts'
import { threadClockMs } from './thread-clock.ts'

if (!parentPort) throw new Error('worker.ts is the body of an inference thread')
const port = parentPort
// Before user code is there to replace it.
const leave = process.exit.bind(process)
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- handed over by the other half of this room
const perform = createModelHost(guardNative(workerData as GuardMemory, () => leave()))

function send(reply: Reply): void {
  port.postMessage(reply)
}

async function obey(command: Command): Promise<void> {
  const beganMs = threadClockMs()
  const answer = await perform(command)
  if (command.kind === 'drop' || !answer) return
  send({ kind: 'answer', id: command.id, answer, beganMs, endedMs: threadClockMs() })
}

process.on('unhandledRejection', (reason) => send({ kind: 'stray', message: String(reason) }))
port.on('message', (command: Command) => void obey(command))
const now = threadClockMs()
send({ kind: 'answer', id: START, answer: { kind: 'ready' }, beganMs: now, endedMs: now })
