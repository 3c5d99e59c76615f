import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import type { Context } from '../../core/context.ts'
import { toGyreError } from '../../core/errors.ts'
import type { Log } from '../../core/log.ts'
import { sendFile, type FileToSend } from '../file-reply.ts'
import { parsePart } from '../parse.ts'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import { expectMethod, pathOf } from '../raw-reply.ts'
import type { Rooms } from '../rooms.ts'
import { VersionIn } from './model-out.ts'
import { answerMlflowError } from './problem.ts'
import { queryOf } from './query.ts'
import { runIdOf, RunMembers } from './runs.ts'
import { openVersionFile } from './version-files.ts'
import { Required } from './wire.ts'

export interface GetArtifactDeps {
  readonly rooms: Rooms
  readonly log: Log
}

type Find = (rooms: Rooms, ctx: Context, request: IncomingMessage) => Promise<FileToSend>

const OfRun = z.object({ ...RunMembers, path: Required })
const OfVersion = z.object({ name: Required, version: VersionIn, path: Required })

const FIND: Readonly<Record<string, Find>> = {
  async '/get-artifact'({ artifacts }, ctx, request) {
    const { path, ...ids } = parsePart(OfRun, queryOf(request), 'query')
    return artifacts.open(ctx, { root: { kind: 'run', id: runIdOf(ids) }, path })
  },

  async '/model-versions/get-artifact'(rooms, ctx, request) {
    const key = parsePart(OfVersion, queryOf(request), 'query')
    rooms.artifacts.checkPath(ctx, key.path)
    return openVersionFile(rooms, ctx, key)
  },
}

/** The two paths outside MLflow's API where its web page fetches files. */
export function getArtifactDoor({ rooms, log }: GetArtifactDeps): RawDoor {
  return defineRawRoute({
    scope: 'read',
    described: Object.keys(FIND).map((path) => ({
      method: 'GET',
      path,
      scope: 'read',
      summary: path === '/get-artifact' ? 'An artifact of a run' : 'A file of a model version',
      reply: z.string(),
      errors: ['INVALID_ARGUMENT', 'NOT_FOUND'],
    })),
    matches: (path) => Object.hasOwn(FIND, path),
    async handle(request, response, ctx) {
      expectMethod(request, response, 'GET')
      const file = await FIND[pathOf(request)]?.(rooms, ctx, request)
      if (file) await sendFile(request, response, file)
    },
    answerError(response, thrown, requestId) {
      const error = toGyreError(thrown)
      if (error.code === 'INTERNAL')
        log.error({ err: error.cause ?? error, requestId }, 'request failed')
      answerMlflowError(response, error, requestId)
    },
  })
}
