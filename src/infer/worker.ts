import { parentPort } from 'node:worker_threads'
import { createModelHost } from './model-host.ts'
import type { Command, Reply } from './protocol.ts'

if (!parentPort) throw new Error('worker.ts is the body of an inference thread')
const port = parentPort

const send = (reply: Reply): void =>
  port.postMessage(reply, reply.kind === 'ran' ? [reply.values.buffer] : [])

process.on('unhandledRejection', (reason) => send({ kind: 'stray', message: String(reason) }))

const answer = createModelHost(send)
port.on('message', (command: Command) => {
  answer(command).catch((thrown: unknown) => {
    send({ kind: 'refused', code: 'INTERNAL', message: String(thrown) })
  })
})
send({ kind: 'ready' })
