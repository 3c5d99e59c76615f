import { startServer } from './app.ts'
import { runCli } from './cli/cli.ts'

process.exitCode = await runCli(process.argv, startServer)
