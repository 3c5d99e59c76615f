import { runCli } from './cli/cli.ts'

// The server's rooms are loaded by the commands that start one: the others answer in half the time.
process.exitCode = await runCli(process.argv, async (config) =>
  (await import('./app.ts')).startServer(config),
)
