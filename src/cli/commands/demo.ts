import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { childEnvironment, readConfig } from '../../core/config.ts'
import { GyreError } from '../../core/errors.ts'
import { buildScript } from '../../projects/script.ts'
import type { AddCommand } from '../command.ts'
import { PACKAGE_ROOT } from '../../core/package.ts'
import { untilStopped } from '../until-stopped.ts'

const EXAMPLES = join(PACKAGE_ROOT, 'examples')

const Options = z.object({
  port: z.exactOptional(z.string()),
  data: z.exactOptional(z.string()),
  once: z.boolean().default(false),
  json: z.exactOptional(z.string()),
  rows: z.exactOptional(z.string()),
})

/** `gyre demo NAME`: the server, and an example project's own program running against it. */
export const addDemo: AddCommand = (program, { startServer, exit }) => {
  program
    .command('demo')
    .description('run an example live, then keep serving')
    .argument('<name>', 'a folder of examples/: flights')
    .option('--once', 'end when the example has')
    .option('--json <file>', "write the example's summary to this file")
    .option('--rows <k>', 'every k-th row, or all')
    .option('--port <port>', 'TCP port (GYRE_PORT, 7400)')
    .option('--data <folder>', 'where everything is kept (GYRE_DATA, ./.gyre)')
    .action(async (name: string, given: unknown) => {
      const { once, json, rows, ...flags } = Options.parse(given)
      const folder = exampleFolder(name)
      const config = readConfig(flags)
      const server = await startServer(config)
      // Before the line that tells others that it may be stopped.
      const stopped = untilStopped()
      console.log(`Gyre is ready on ${server.url} (data in ${config.data})`)
      const stopping = new AbortController()
      void stopped.then(() => stopping.abort())
      try {
        const options = [
          ...(json ? ['--json', resolve(json)] : []),
          ...(rows ? ['--rows', rows] : []),
        ]
        const code = await runExample(folder, server.url, options, stopping.signal)
        exit(code)
        if (!once && code === 0 && !stopping.signal.aborted) {
          console.log(`serving on ${server.url} until Ctrl-C`)
          await stopped
        }
      } finally {
        await server.close()
      }
    })
}

function exampleFolder(name: string): string {
  const folder = join(EXAMPLES, name)
  if (/^[a-z0-9-]+$/.test(name) && existsSync(join(folder, 'demo.ts'))) return folder
  throw new GyreError('INVALID_ARGUMENT', `no example ${name}; there is: flights`, {
    example: name,
  })
}

/** Runs the example's program in a process of its own; resolves with its exit code, 0 when it was stopped. */
async function runExample(
  folder: string,
  url: string,
  options: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const script = await buildScript(join(folder, 'demo.ts'))
  if (signal.aborted) return 0
  const gyre = join(PACKAGE_ROOT, 'bin', 'gyre.js')
  const child = spawn(process.execPath, [script, ...options], {
    cwd: folder,
    stdio: 'inherit',
    env: childEnvironment({ GYRE_URL: url, GYRE_COMMAND: gyre }),
  })
  signal.addEventListener('abort', () => child.kill('SIGTERM'))
  return new Promise((done, reject) => {
    child.once('error', reject)
    child.once('close', (code) => done(signal.aborted ? 0 : (code ?? 1)))
  })
}
