import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { readPacked } from '../packed-body.ts'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'
import { endWithJson, expectMethod, pathOf } from '../raw-reply.ts'

export interface RepositoryDoorDeps {
  readonly repository: Pick<Repository, 'load' | 'unload'>
  /** The rest of the protocol, which answers errors for this part too. */
  readonly door: RawDoor
}

const PATH = /^\/v2\/repository\/models\/([^/]+)\/(load|unload)$/

/** A body holds switches at most. */
const MAX_BODY_BYTES = 65_536

const Body = z.object({ parameters: z.record(z.string(), z.unknown()).default({}) })

const Open = z.record(z.string(), z.unknown())

const described = (verb: 'load' | 'unload', summary: string) => ({
  method: 'POST' as const,
  path: `/v2/repository/models/:model/${verb}`,
  summary,
  scope: 'release' as const,
  reply: Open,
  errors: ['INVALID_ARGUMENT' as const, 'NOT_FOUND' as const, 'UNAVAILABLE' as const],
})

/** Loading and unloading by hand: the model repository extension of the Open Inference Protocol. */
export function repositoryDoor({ repository, door }: RepositoryDoorDeps): RawDoor {
  return defineRawRoute({
    scope: 'release',
    described: [
      described('load', 'Read a model of the model repository anew and serve it'),
      described('unload', 'Give a model back until it is loaded again'),
    ],
    matches: (path) => PATH.test(path),
    async handle(request, response, ctx) {
      const [, model = '', verb] = PATH.exec(pathOf(request)) ?? []
      expectMethod(request, response, 'POST')
      const parameters = parametersOf(await readPacked(request, response, MAX_BODY_BYTES))
      const name = decodeURIComponent(model)
      if (verb === 'unload') await repository.unload(ctx, name)
      else {
        assertFromFolder(parameters)
        await repository.load(ctx, name)
      }
      endWithJson(response, '{}')
    },
    answerError: (response, thrown, requestId) => door.answerError?.(response, thrown, requestId),
  })
}

function parametersOf(body: Buffer): Readonly<Record<string, unknown>> {
  if (body.length === 0) return {}
  try {
    return Body.parse(JSON.parse(body.toString('utf8'))).parameters
  } catch (cause) {
    const message = 'body: expected nothing, or {"parameters": {…}}'
    throw new GyreError('INVALID_ARGUMENT', message, { field: 'body' }, cause)
  }
}

/** A model that a request brings along would be in no folder and no registry. */
function assertFromFolder(parameters: Readonly<Record<string, unknown>>): void {
  const odd = Object.keys(parameters).find((name) => name === 'config' || name.startsWith('file:'))
  if (odd === undefined) return
  throw new GyreError(
    'INVALID_ARGUMENT',
    `parameters.${odd}: a model is loaded as it lies in its folder; change it there`,
    { field: `parameters.${odd}` },
  )
}
