import type { IncomingMessage } from 'node:http'
import { ArtifactDigest } from '@gyre/sdk/wire/artifact'
import { z } from 'zod'
import type { Context } from '../../core/context.ts'
import type { ArtifactPlace } from '../../tracking/artifact-root.ts'
import { announcedBytes, bodyStream } from '../body-stream.ts'
import type { Rooms } from '../rooms.ts'
import { placeOf, runOfPlace } from './artifacts.ts'
import { defineMlflow, type Call, type MlflowRoute } from './route.ts'
import { Int32, Required } from './wire.ts'

const begin = defineMlflow({
  method: 'POST',
  path: '/mlflow-artifacts/mpu/create/*',
  summary: 'Begin an artifact that comes in parts',
  scope: 'log',
  logsTo: (_input, asking) => runOfPlace(asking),
  input: z.object({ path: Required, num_parts: Int32.default(1) }),
  async handle(rooms, ctx, { path, num_parts }, call) {
    const place = fileIn(rooms, ctx, call, path)
    const { id, secret } = await rooms.artifacts.uploads.begin(ctx, place, num_parts)
    const base = `${originOf(call.request)}/api/2.0/mlflow-artifacts/mpu/parts/${id}`
    return {
      upload_id: id,
      credentials: Array.from({ length: num_parts }, (_, i) => ({
        url: `${base}/${i + 1}`,
        part_number: i + 1,
        headers: { [SECRET_HEADER]: secret },
      })),
    }
  },
})

/** The client sends nothing but this with a part: its key stays at home. */
const SECRET_HEADER = 'x-gyre-upload'

const putPart = defineMlflow({
  method: 'PUT',
  path: '/mlflow-artifacts/mpu/parts/{upload_id}/{part_number}',
  summary: 'Store a part; the header that came with its URL admits it',
  scope: 'public',
  input: undefined,
  async handle({ artifacts }, _ctx, _input, { params, request, response }) {
    const secret = request.headers[SECRET_HEADER]
    const { digest } = await artifacts.uploads.putPart(params['upload_id'] ?? '', {
      secret: typeof secret === 'string' ? secret : '',
      number: Number(params['part_number']),
      length: announcedBytes(request),
      bytes: bodyStream(request),
    })
    response.setHeader('etag', `"${digest}"`)
    return {}
  },
})

/** As `putPart` gave it: with the quotes that HTTP wants around it, or without. */
const ETag = z
  .string()
  .transform((text) => text.replaceAll('"', ''))
  .pipe(ArtifactDigest)

const Part = z.object({ part_number: Int32, etag: ETag })

const complete = defineMlflow({
  method: 'POST',
  path: '/mlflow-artifacts/mpu/complete/*',
  summary: 'Make an artifact of its parts',
  scope: 'log',
  logsTo: (_input, asking) => runOfPlace(asking),
  input: z.object({ path: Required, upload_id: Required, parts: z.array(Part) }),
  async handle(rooms, ctx, { path, upload_id, parts }, call) {
    const place = fileIn(rooms, ctx, call, path)
    const sent = parts.map(({ part_number, etag }) => ({ number: part_number, digest: etag }))
    await rooms.artifacts.uploads.complete(ctx, place, upload_id, sent)
    return {}
  },
})

const abort = defineMlflow({
  method: 'POST',
  path: '/mlflow-artifacts/mpu/abort/*',
  summary: 'Forget an artifact that came in parts',
  scope: 'log',
  logsTo: (_input, asking) => runOfPlace(asking),
  input: z.object({ path: Required, upload_id: Required }),
  async handle(rooms, ctx, { path, upload_id }, call) {
    await rooms.artifacts.uploads.abort(ctx, fileIn(rooms, ctx, call, path), upload_id)
    return {}
  },
})

/** The URL names a folder; the client's own path of the file, whatever its machine, gives the name in it. */
function fileIn(rooms: Rooms, ctx: Context, call: Call, clientPath: string): ArtifactPlace {
  const { root, path: folder } = placeOf(rooms, ctx, call)
  const name = clientPath.slice(
    Math.max(clientPath.lastIndexOf('/'), clientPath.lastIndexOf('\\')) + 1,
  )
  return { root, path: folder === '' ? name : `${folder}/${name}` }
}

/** How the client reached this server, perhaps through a proxy that speaks TLS for it. */
function originOf({ headers }: IncomingMessage): string {
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http'
  return `${scheme}://${headers.host}`
}

export const multipartRoutes: readonly MlflowRoute[] = [begin, putPart, complete, abort]
