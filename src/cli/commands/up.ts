import { z } from 'zod'
import { MODULES, readConfig } from '../../core/config.ts'
import type { AddCommand } from '../command.ts'
import { untilStopped } from '../until-stopped.ts'

const Options = z.object({
  port: z.exactOptional(z.string()),
  host: z.exactOptional(z.string()),
  data: z.exactOptional(z.string()),
  modules: z.exactOptional(z.string()),
  allowPickle: z.exactOptional(z.boolean()),
  grpcPort: z.exactOptional(z.string()),
  modelRepository: z.exactOptional(z.string()),
  pollSeconds: z.exactOptional(z.string()),
})

/** `gyre up`: the server alone, until it is told to stop. */
export const addUp: AddCommand = (program, { startServer }) => {
  program
    .command('up')
    .description('start the server and serve until Ctrl-C')
    .option('--port <port>', 'TCP port (GYRE_PORT, 7400)')
    .option('--host <address>', 'address to listen on (GYRE_HOST, 127.0.0.1)')
    .option('--data <folder>', 'where everything is kept (GYRE_DATA, ./.gyre)')
    .option(
      '--grpc-port <port>',
      'speak the Open Inference Protocol over gRPC too (GYRE_GRPC_PORT)',
    )
    .option(
      '--model-repository <folder>',
      'serve the models of this folder, as Triton reads it (GYRE_MODEL_REPOSITORY)',
    )
    .option('--poll-seconds <s>', 'how often it is looked at, 0 = once (GYRE_POLL_SECONDS, 15)')
    .option(
      '--modules <names>',
      `only these and what they stand on, of ${MODULES.join(', ')} (GYRE_MODULES)`,
    )
    .option(
      '--allow-pickle',
      'open models that run whatever code they hold, in processes of their own (GYRE_ALLOW_PICKLE)',
    )
    .action(async (options: unknown) => {
      const config = readConfig(Options.parse(options))
      const server = await startServer(config)
      // Before the line that tells others that it may be stopped.
      const stopped = untilStopped()
      if (server.grpcAddress !== undefined) console.log(`gRPC on ${server.grpcAddress}`)
      console.log(`Gyre is ready on ${server.url} (data in ${config.data})`)
      await stopped
      console.log('stopping: finishing what is under way')
      await server.close()
    })
}
