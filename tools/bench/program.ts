import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { treeUsage, type TreeUsage } from './process-tree.ts'

/** A server that the benchmark started. */
export interface Program {
  readonly port: number
  /** From spawn to the line that says it listens. */
  readonly readyMs: number
  usage(): Promise<TreeUsage>
  /** Asks it to stop and waits until it has. */
  stop(): Promise<void>
}

const GYRE = fileURLToPath(new URL('../../bin/gyre.js', import.meta.url))

/** The least a server in Node can do: what Node itself takes to start, and to idle. */
const BARE_SERVER = `
  const server = require('node:http').createServer((request, response) => response.end('{}'))
  server.listen(0, '127.0.0.1', () => console.log('http://127.0.0.1:' + server.address().port))`

/** `gyre up` of the built tree, over a folder. */
export function startGyre(folder: string): Promise<Program> {
  return startProgram(process.execPath, [GYRE, 'up', '--port', '0', '--data', folder])
}

export function startBareServer(): Promise<Program> {
  return startProgram(process.execPath, ['--eval', BARE_SERVER])
}

/** Runs a command that prints its address, `http://127.0.0.1:PORT`, once it answers there. */
export async function startProgram(command: string, args: readonly string[]): Promise<Program> {
  const startedMs = performance.now()
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port === undefined) continue
    child.stdout.resume()
    return {
      port: Number(port),
      readyMs: performance.now() - startedMs,
      usage: () => treeUsage(child.pid ?? 0),
      async stop() {
        child.kill('SIGTERM')
        await ended
      },
    }
  }
  const [code] = await ended
  throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
}
