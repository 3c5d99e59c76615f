import { z } from 'zod'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import { expectMethod } from '../raw-reply.ts'
import { defineMlflow, type MlflowRoute } from './route.ts'

/** The release of MLflow whose protocol this door speaks. */
const MLFLOW_VERSION = '3.17.2'

const serverInfo = defineMlflow({
  method: 'GET',
  path: '/mlflow/server-info',
  versions: ['3.0'],
  summary: 'What this server can do, for clients of MLflow',
  scope: 'public',
  input: undefined,
  handle: async () => ({
    store_type: 'SqlStore',
    workspaces_enabled: false,
    trace_archival_enabled: false,
    multipart_uploads_enabled: true,
    multipart_downloads_enabled: false,
    presigned_upload_run_id_supported: false,
    presigned_upload_model_id_supported: false,
    features_enabled: { gateway: false },
  }),
})

export const serverInfoRoutes: readonly MlflowRoute[] = [serverInfo]

/** `GET /version`: the release of MLflow that clients may take this server for, as plain text. */
export function versionDoor(): RawDoor {
  return defineRawRoute({
    scope: 'public',
    described: [
      {
        method: 'GET',
        path: '/version',
        scope: 'public',
        summary: 'The release of MLflow whose protocol is spoken here',
        reply: z.string(),
        errors: ['METHOD_NOT_ALLOWED'],
      },
    ],
    matches: (path) => path === '/version',
    async handle(request, response) {
      expectMethod(request, response, 'GET')
      response.setHeader('content-type', 'text/plain; charset=utf-8')
      response.end(MLFLOW_VERSION)
    },
  })
}
