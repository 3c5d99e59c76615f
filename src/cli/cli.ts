import { RequestError } from '@gyre/sdk/client'
import { Command, CommanderError } from 'commander'
import { z } from 'zod'
import type { Config } from '../core/config.ts'
import { ERRORS, isErrorCode, toGyreError } from '../core/errors.ts'
import type { StartedServer } from './command.ts'
import { addApply } from './commands/apply.ts'
import { addData } from './commands/data.ts'
import { addDemo } from './commands/demo.ts'
import { addFeatures } from './commands/features.ts'
import { addInit } from './commands/init.ts'
import { addKey } from './commands/key.ts'
import { addLineage } from './commands/lineage.ts'
import { addModel } from './commands/model.ts'
import { addPipeline } from './commands/pipeline.ts'
import { addPredictions } from './commands/predictions.ts'
import { addRelease } from './commands/release.ts'
import { addUp } from './commands/up.ts'
import { VERSION } from './version.ts'

const COMMANDS = [
  addUp,
  addDemo,
  addInit,
  addApply,
  addData,
  addFeatures,
  addPipeline,
  addModel,
  addRelease,
  addPredictions,
  addLineage,
  addKey,
]

/** Runs one command; resolves with the exit code. Failures are one line on stderr: cause and remedy. */
export async function runCli(
  argv: readonly string[],
  startServer: (config: Config) => Promise<StartedServer>,
): Promise<number> {
  let exitCode = 0
  const program = new Command('gyre')
    .description('The whole loop of production machine learning, in one program')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
  const deps = {
    startServer,
    exit: (code: number) => {
      exitCode = code
    },
  }
  for (const add of COMMANDS) add(program, deps)
  try {
    await program.parseAsync([...argv])
    return exitCode
  } catch (thrown) {
    return explain(thrown)
  }
}

function usageError(text: string): string {
  return `gyre: ${oneLine(text.replace(/^error: /, ''))}; --help shows what is expected\n`
}

function explain(thrown: unknown): number {
  // Commander has printed its own line already; asking for help or the version is no failure.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
  const { code, message } = refusalOf(thrown)
  console.error(`gyre: ${oneLine(message)}`)
  return isErrorCode(code) ? ERRORS[code].exit : 1
}

function refusalOf(thrown: unknown): { readonly code: string; readonly message: string } {
  if (thrown instanceof RequestError) return thrown
  if (!(thrown instanceof z.ZodError)) return toGyreError(thrown)
  const [issue] = thrown.issues
  return { code: 'INVALID_ARGUMENT', message: `--${issue?.path.join('.')}: ${issue?.message}` }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ')
}
