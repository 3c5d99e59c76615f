import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { Context } from '../../core/context.ts'
import { GyreError } from '../../core/errors.ts'
import { readVersionLocation } from '../../registry/version-location.ts'
import type { ArtifactEntry } from '../../tracking/artifact-listing.ts'
import type { ToldOfFile } from '../../tracking/artifacts.ts'
import type { ArtifactPlace } from '../../tracking/artifact-root.ts'
import { announcedBytes, bodyStream, declaredType } from '../body-stream.ts'
import { sendFile } from '../file-reply.ts'
import { parsePart } from '../parse.ts'
import type { Rooms } from '../rooms.ts'
import { loggedModelLocation, parseLocation, runLocation } from '../../tracking/locations.ts'
import { queryOf } from './query.ts'
import { runOfModel } from './logged-models.ts'
import { defineMlflow, type Asking, type Call, type MlflowRoute } from './route.ts'
import { runIdOf, RunMembers } from './runs.ts'
import { openVersionFile, listVersionFiles } from './version-files.ts'
import { Required, some } from './wire.ts'

/** Entries of one page of `artifacts/list`; the client of MLflow asks for one page alone. */
const PAGE_ENTRIES = 10_000

/** The place that the end of a path names. */
export function placeOf(rooms: Rooms, ctx: Context, call: Call): ArtifactPlace {
  return parseLocation(locationOf(rooms, ctx, call))
}

/** The run that the artifact of a path belongs to, be it a file of a model that the run has logged. */
export async function runOfPlace({ rooms, ctx, call }: Asking): Promise<string> {
  const { kind, id } = placeOf(rooms, ctx, call).root
  if (kind === 'trace') return ''
  return kind === 'run' ? id : runOfModel(rooms, ctx, id)
}

/** The end of a path, which arrives percent-encoded, once. */
function locationOf({ artifacts }: Rooms, ctx: Context, { params }: Call): string {
  const location = decodeOnce(params['*'] ?? '')
  artifacts.checkPath(ctx, location)
  return location
}

function decodeOnce(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new GyreError('INVALID_ARGUMENT', 'path: expected percent-encoded UTF-8', {}, cause)
  }
}

const download = defineMlflow({
  method: 'GET',
  path: '/mlflow-artifacts/artifacts/*',
  summary: 'The bytes of an artifact, or a range of them',
  scope: 'read',
  input: undefined,
  async handle(rooms, ctx, _input, call) {
    const location = locationOf(rooms, ctx, call)
    const version = readVersionLocation(location)
    const file = version
      ? await openVersionFile(rooms, ctx, version)
      : await rooms.artifacts.open(ctx, parseLocation(location))
    await sendFile(call.request, call.response, file)
    return undefined
  },
})

const upload = defineMlflow({
  method: 'PUT',
  path: '/mlflow-artifacts/artifacts/*',
  summary: 'Store an artifact',
  scope: 'log',
  input: undefined,
  logsTo: (_input, asking) => runOfPlace(asking),
  async handle(rooms, ctx, _input, call) {
    const { request } = call
    const place = placeOf(rooms, ctx, call)
    await rooms.artifacts.put(ctx, place, bodyStream(request), toldOf(request))
    call.response.end()
    return undefined
  },
})

const remove = defineMlflow({
  method: 'DELETE',
  path: '/mlflow-artifacts/artifacts/*',
  summary: 'Remove an artifact or a folder of them',
  scope: 'write',
  input: undefined,
  async handle(rooms, ctx, _input, call) {
    await rooms.artifacts.remove(ctx, placeOf(rooms, ctx, call))
    return {}
  },
})

const listLocation = defineMlflow({
  method: 'GET',
  path: '/mlflow-artifacts/artifacts',
  summary: 'One level of a folder of artifacts',
  scope: 'read',
  input: z.object({ path: z.string().default('') }),
  async handle(rooms, ctx, { path }) {
    const { artifacts } = rooms
    const location = path.endsWith('/') ? path.slice(0, -1) : path
    artifacts.checkPath(ctx, location)
    const version = readVersionLocation(location)
    if (version) {
      const entries = await listVersionFiles(rooms, ctx, version)
      return { files: some(entries.map((entry) => fileOut(entry, version.path))) }
    }
    const place = parseLocation(location)
    const files: object[] = []
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor; isFirst = false) {
      const page = await artifacts.list(ctx, place, PAGE_ENTRIES, cursor)
      files.push(...page.entries.map((entry) => fileOut(entry, place.path)))
      cursor = page.next
    }
    return files.length === 0 ? {} : { files }
  },
})

const list = defineMlflow({
  method: 'GET',
  path: '/mlflow/artifacts/list',
  summary: 'One level of a folder of a run’s artifacts',
  scope: 'read',
  input: z.object({
    ...RunMembers,
    path: z.string().default(''),
    page_token: z.string().optional(),
  }),
  async handle({ artifacts, tracking }, ctx, { path, page_token, ...ids }) {
    const run = await tracking.get(ctx, runIdOf(ids))
    const root = { kind: 'run', id: run.id } as const
    const page = await artifacts.list(ctx, { root, path }, PAGE_ENTRIES, page_token || undefined)
    return pageOut(runLocation(run.experiment, run.id), page)
  },
})

const listOfModel = defineMlflow({
  method: 'GET',
  path: '/mlflow/logged-models/{model_id}/artifacts/directories',
  summary: 'One level of a folder of a logged model',
  scope: 'read',
  input: z.object({
    artifact_directory_path: z.string().default(''),
    page_token: z.string().optional(),
  }),
  async handle(rooms, ctx, { artifact_directory_path: path, page_token }, { params }) {
    const { artifacts, loggedModels } = rooms
    const { id, experiment } = await loggedModels.get(ctx, params['model_id'] ?? '')
    const root = { kind: 'logged-model', id } as const
    const page = await artifacts.list(ctx, { root, path }, PAGE_ENTRIES, page_token || undefined)
    return pageOut(loggedModelLocation(experiment, root.id), page)
  },
})

const fileOfModel = defineMlflow({
  method: 'GET',
  path: '/mlflow/logged-models/{model_id}/artifacts/files',
  summary: 'A file of a logged model',
  scope: 'read',
  input: z.object({ artifact_file_path: Required }),
  async handle({ artifacts }, ctx, { artifact_file_path: path }, { params, request, response }) {
    const root = { kind: 'logged-model', id: params['model_id'] ?? '' } as const
    await sendFile(request, response, await artifacts.open(ctx, { root, path }))
    return undefined
  },
})

function toldOf(request: IncomingMessage): ToldOfFile {
  return { mediaType: declaredType(request), announcedBytes: announcedBytes(request) }
}

/** MLflow's own bound on what its web page uploads. */
const MAX_PAGE_UPLOAD_BYTES = 10 * 1024 * 1024

const uploadOfRun = defineMlflow({
  method: 'POST',
  path: '/mlflow/upload-artifact',
  summary: 'Store an artifact of a run, 10 MB at most',
  scope: 'write',
  input: undefined,
  async handle({ artifacts }, ctx, _input, { request }) {
    const { run_uuid, path } = parsePart(UploadQuery, queryOf(request), 'query')
    if (Number(request.headers['content-length'] ?? 0) > MAX_PAGE_UPLOAD_BYTES)
      throw new GyreError('INVALID_ARGUMENT', 'Artifact size is too large. Max size is 10MB.')
    const root = { kind: 'run', id: run_uuid } as const
    await artifacts.put(ctx, { root, path }, bodyStream(request), toldOf(request))
    return {}
  },
})

const UploadQuery = z.object({ run_uuid: Required, path: Required })

/** There is no storage that a client could be sent to: all bytes pass this server. */
const noPresigned = (what: 'upload' | 'download') =>
  defineMlflow({
    method: 'POST',
    path: `/mlflow/artifacts/presigned-${what}-url`,
    summary: `Refused: artifacts are always proxied`,
    scope: what === 'upload' ? 'write' : 'read',
    input: z.object({}),
    handle: () =>
      Promise.reject(
        new GyreError(
          'INVALID_ARGUMENT',
          `Presigned ${what} is not supported for proxied artifact storage (artifact URI scheme: mlflow-artifacts).`,
        ),
      ),
  })

const noPresignedDownload = defineMlflow({
  method: 'GET',
  path: '/mlflow-artifacts/presigned/*',
  summary: 'Refused: artifacts are always proxied',
  scope: 'read',
  input: undefined,
  async handle(_rooms, _ctx, _input, { response }) {
    // 501 is what tells the client to download in the usual way.
    response.writeHead(501, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({
        error_code: 'NOT_IMPLEMENTED',
        message: 'Multipart download is not supported for the current artifact repository',
      }),
    )
    return undefined
  },
})

function pageOut(
  root_uri: string,
  {
    entries,
    next,
  }: { readonly entries: readonly ArtifactEntry[]; readonly next?: string | undefined },
) {
  return {
    root_uri,
    ...(entries.length === 0 ? {} : { files: entries.map((entry) => fileOut(entry, '')) }),
    ...(next === undefined ? {} : { next_page_token: next }),
  }
}

/** An entry under its path below `folder`. MLflow tells no size of an empty file. */
function fileOut(entry: ArtifactEntry, folder: string) {
  const path = folder === '' ? entry.path : entry.path.slice(folder.length + 1)
  if (entry.kind === 'folder') return { path, is_dir: true }
  return { path, is_dir: false, ...(entry.bytes === 0 ? {} : { file_size: entry.bytes }) }
}

export const artifactRoutes: readonly MlflowRoute[] = [
  download,
  upload,
  remove,
  listLocation,
  list,
  listOfModel,
  fileOfModel,
  uploadOfRun,
  noPresigned('upload'),
  noPresigned('download'),
  noPresignedDownload,
]
