import { basename, extname } from 'node:path'
import { connect, type GyreClient } from '@gyre/sdk/client'
import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import { ModelVersion } from '@gyre/sdk/wire/model'
import { Name } from '@gyre/sdk/wire/ref'
import { Release, RouteState } from '@gyre/sdk/wire/release'
import { z } from 'zod'
import { readConfig } from '../../core/config.ts'
import { GyreError } from '../../core/errors.ts'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { untilStopped } from '../until-stopped.ts'

const Options = z.object({
  name: z.exactOptional(z.string()),
  url: z.exactOptional(z.string()),
  port: z.exactOptional(z.string()),
  host: z.exactOptional(z.string()),
  data: z.exactOptional(z.string()),
  grpcPort: z.exactOptional(z.string()),
})

/** `gyre serve`: a model file behind an address, by a server of its own or by one that runs. */
export const addServe: AddCommand = (program, { startServer }) => {
  withServer(program.command('serve'))
    .description('put an ONNX file behind /v2/models/NAME and /predict/NAME')
    .argument('<file>', 'FILE.onnx')
    .option('--name <name>', "the endpoint's and the model's; the file's name unless told")
    .option('--port <port>', 'TCP port of the server it starts (GYRE_PORT, 7400)')
    .option('--host <address>', 'address to listen on (GYRE_HOST, 127.0.0.1)')
    .option('--data <folder>', 'where everything is kept (GYRE_DATA, ./.gyre)')
    .option('--grpc-port <port>', 'speak gRPC too, on this port (GYRE_GRPC_PORT)')
    .action(async (file: string, raw: unknown) => {
      const { name: given, url, ...settings } = Options.parse(raw)
      const name = checkName(given ?? basename(file, extname(file)))
      if (url !== undefined)
        return withClient(raw, async (client) => console.log(await bring(client, file, name)))
      const config = readConfig(settings)
      const server = await startServer(config)
      const client = connect({ url: server.url })
      // Before the line that tells others that it may be stopped.
      const stopped = untilStopped()
      try {
        console.log(await bring(client, file, name))
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

function checkName(name: string): string {
  if (Name.safeParse(name).success) return name
  throw new GyreError(
    'INVALID_ARGUMENT',
    `--name: expected letters, digits, _ and - behind a letter, got ${JSON.stringify(name)}`,
    { field: 'name' },
  )
}

/** Registers the file, declares its endpoint and releases it there; what of this is so already stays. Tells how to ask. */
async function bring(client: GyreClient, file: string, name: string): Promise<string> {
  const digest = await client.putFile(file)
  const files = { 'model.onnx': digest }
  const version = await client.post(`/api/v1/models/${name}/versions`, { files }, ModelVersion)
  await client.post('/api/v1/endpoints', { name, model: name }, EndpointSpec)
  const listed = await client.get('/api/v1/endpoints', Endpoints)
  const stable = listed.endpoints.find(({ spec }) => spec.name === name)?.route.stable
  if (stable !== version.ref) {
    const plan = { kind: 'immediate' }
    const body = { model: version.ref, plan, force: `gyre serve ${basename(file)}` }
    await client.post(`/api/v1/endpoints/${name}/releases`, body, Release)
  }
  return howToAsk(client, name, version.ref)
}

const Endpoints = z.object({
  endpoints: z.array(z.object({ spec: EndpointSpec, route: RouteState })),
})

const Tensors = z.array(
  z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number()) }),
)
const Described = z.object({ inputs: Tensors, outputs: Tensors })

async function howToAsk(client: GyreClient, name: string, ref: string): Promise<string> {
  const path = `/v2/models/${name}`
  const { inputs, outputs } = await client.get(path, Described)
  return `${ref} answers POST ${client.url}${path}/infer\n  takes ${textOf(inputs)}\n  gives ${textOf(outputs)}`
}

function textOf(tensors: z.infer<typeof Tensors>): string {
  return tensors.map((one) => `${one.name} ${one.datatype} [${one.shape.join(',')}]`).join(', ')
}
