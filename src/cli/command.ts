import { connect, type GyreClient } from '@gyre/sdk/client'
import type { Command } from 'commander'
import { z } from 'zod'
import { environmentVariable, type Config } from '../core/config.ts'
import { GyreError } from '../core/errors.ts'

/** A server started by this very process. */
export interface StartedServer {
  readonly url: string
  /** HOST:PORT of gRPC, where it is spoken. */
  readonly grpcAddress?: string
  close(): Promise<void>
}

/** What commands are given by the program's entry: they may not reach up to it. */
export interface CliDeps {
  readonly startServer: (config: Config) => Promise<StartedServer>
  /** Sets the exit code of a command that ran but found something wrong. */
  readonly exit: (code: number) => void
}

/** Adds one command to the program. */
export type AddCommand = (program: Command, deps: CliDeps) => void

const ServerOptions = z.object({
  url: z.exactOptional(z.string()),
  key: z.exactOptional(z.string()),
})

/** The options of every command that talks to a running server. */
export function withServer(command: Command): Command {
  return command
    .option('--url <url>', 'where Gyre runs (GYRE_URL)')
    .option('--key <key>', 'the key to show (GYRE_KEY)')
}

/** Where the server is that the options or the environment name, and the key to show there. */
export function serverOf(options: unknown): {
  readonly url: string
  readonly key: string | undefined
} {
  const { url, key } = ServerOptions.parse(options)
  return {
    url: checkUrl(url ?? environmentVariable('GYRE_URL') ?? 'http://127.0.0.1:7400'),
    // A secret that a CI server does not have is an empty text there.
    key: (key ?? environmentVariable('GYRE_KEY')) || undefined,
  }
}

/** Runs `work` with a connection to the server that the options or the environment name. */
export async function withClient<T>(
  options: unknown,
  work: (client: GyreClient) => Promise<T>,
): Promise<T> {
  const client = connect(serverOf(options))
  try {
    return await work(client)
  } finally {
    client.close()
  }
}

function checkUrl(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text
  throw new GyreError(
    'INVALID_ARGUMENT',
    `--url (or GYRE_URL): expected something like http://127.0.0.1:7400, got ${text}`,
    { field: 'url' },
  )
}
