import { basename } from 'node:path'
import { connect } from '@gyre/sdk/client'
import { z } from 'zod'
import { readConfig } from '../../core/config.ts'
import { GyreError } from '../../core/errors.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { bring, type Brought } from '../serve/bring.ts'
import { endpointName, readSource } from '../serve/source.ts'
import { untilStopped } from '../until-stopped.ts'
import { isRepository, serveRepository } from './serve-repository.ts'

const Options = z.object({
  name: z.exactOptional(z.string()),
  url: z.exactOptional(z.string()),
  port: z.exactOptional(z.string()),
  host: z.exactOptional(z.string()),
  data: z.exactOptional(z.string()),
  grpcPort: z.exactOptional(z.string()),
  allowNonfinite: z.boolean().default(false),
  allowPickle: z.exactOptional(z.boolean()),
  pollSeconds: z.exactOptional(z.string()),
})

/** `gyre serve`: a model behind an address, by a server of its own or by one that runs. */
export const addServe: AddCommand = (program, { startServer }) => {
  withServer(program.command('serve'))
    .description('put a model behind /v2/models/NAME and /predict/NAME')
    .argument(
      '<model>',
      'FILE.onnx, a FOLDER with an MLmodel file or of a model repository, models:/NAME@ALIAS, models:/NAME/VERSION or runs:/RUN/PATH',
    )
    .option('--name <name>', "the endpoint's; the model's own unless told")
    .option('--port <port>', 'TCP port of the server it starts (GYRE_PORT, 7400)')
    .option('--host <address>', 'address to listen on (GYRE_HOST, 127.0.0.1)')
    .option('--data <folder>', 'where everything is kept (GYRE_DATA, ./.gyre)')
    .option('--grpc-port <port>', 'speak gRPC too, on this port (GYRE_GRPC_PORT)')
    .option('--allow-nonfinite', 'take and give NaN and infinities as numbers like others')
    .option(
      '--allow-pickle',
      'the server it starts opens models that run whatever code they hold, in processes of their own (GYRE_ALLOW_PICKLE)',
    )
    .option(
      '--poll-seconds <s>',
      'how often a folder is looked at, 0 = once (GYRE_POLL_SECONDS, 15)',
    )
    .action(async (text: string, raw: unknown) => {
      if (await isRepository(text)) return serveRepository(text, Options.parse(raw), startServer)
      const { name, url, allowNonfinite, ...settings } = Options.parse(raw)
      const brought = { ...(await toBring(text, name)), allowNonfinite }
      if (url !== undefined && settings.allowPickle) throw notHere()
      if (url !== undefined)
        return withClient(raw, async (client) => console.log(await bring(client, brought)))
      const config = readConfig(settings)
      const server = await startServer(config)
      const client = connect({ url: server.url })
      // Before the line that tells others that it may be stopped.
      const stopped = untilStopped()
      try {
        console.log(await bring(client, brought))
        if (server.grpcAddress !== undefined) console.log(`gRPC on ${server.grpcAddress}`)
        console.log(`Gyre is ready on ${server.url} (data in ${config.data})`)
        await stopped
        console.log('stopping: finishing what is under way')
      } finally {
        client.close()
        await server.close()
      }
    })
}

/** What can be found wrong with the words alone is told before a server is started. */
async function toBring(
  text: string,
  name: string | undefined,
): Promise<Omit<Brought, 'allowNonfinite'>> {
  const source = await readSource(text)
  endpointName(source, name)
  const isPath = source.kind === 'file' || source.kind === 'folder'
  return { source, name, asked: isPath ? basename(text) : text }
}

function notHere(): GyreError {
  return new GyreError(
    'INVALID_ARGUMENT',
    '--allow-pickle: the server at --url says what it opens; start that one with it',
    { field: 'allowPickle' },
  )
}
