import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Sleep } from '../core/sleep.ts'
import { createTurns } from '../core/turns.ts'
import type { Serve } from '../serve/serve.ts'
import type { ServedModel } from '../serve/served-model.ts'
import { newMemory, settleModel, type ModelMemory, type SettleDeps } from './settle.ts'
import { scanRepository } from './scan.ts'

export interface RepositoryDeps extends SettleDeps {
  /** Undefined where no folder is kept: then models are loaded and unloaded alone. */
  readonly folder: string | undefined
  /** 0: the folder is looked at when the server starts, and when it is told to. */
  readonly pollMs: number
  readonly serve: Pick<Serve, 'load' | 'unload'>
  readonly sleep: Sleep
  readonly log: Log
}

/** The one project that a folder of models is of. */
const PROJECT = 'default'

/** A folder of models as Triton reads them, served as it lies and followed as it changes. */
export interface Repository {
  /** Serves what is there now, and begins to follow it. Throws INVALID_ARGUMENT where there is no folder. */
  start(): Promise<void>
  /** Looks at the folder once; what is wrong with one model is told by `refused`. Throws as `start`. */
  look(): Promise<void>
  /** Models and versions that are in the folder and not served, each with its reason. */
  refused(ctx: Context): readonly ServedModel[]
  /** Reads a model of the folder anew and serves it, whatever it was. Throws NOT_FOUND, UNAVAILABLE with the reason. */
  load(ctx: Context, name: string): Promise<void>
  /** Gives a model back until it is loaded, or the server starts again. Throws NOT_FOUND. */
  unload(ctx: Context, name: string): Promise<void>
  close(): Promise<void>
}

export function createRepository(deps: RepositoryDeps): Repository {
  const { folder, pollMs, serve, sleep, log } = deps
  const turns = createTurns()
  const models = new Map<string, ModelMemory>()
  const unloaded = new Set<string>()
  const stopping = new AbortController()
  let following = Promise.resolve()
  let isFirst = true

  function memoryOf(name: string): ModelMemory {
    const memory = models.get(name) ?? newMemory()
    models.set(name, memory)
    return memory
  }

  async function lookAll(): Promise<void> {
    if (folder === undefined) return
    const found = await scanRepository(folder)
    const names = new Set(found.map(({ name }) => name))
    for (const name of models.keys()) if (!names.has(name)) models.delete(name)
    const atOnce = isFirst
    isFirst = false
    for (const model of found)
      if (!unloaded.has(model.name))
        await settleModel(deps, SYSTEM, model, memoryOf(model.name), atOnce)
  }

  const look = () => turns('folder', lookAll)

  async function follow(): Promise<void> {
    for (;;) {
      await sleep(pollMs, stopping.signal)
      if (stopping.signal.aborted) return
      await look().catch((error: unknown) => log.warn({ err: error }, 'the model repository'))
    }
  }

  return {
    look,
    async start() {
      await look()
      if (folder !== undefined && pollMs > 0) following = follow()
    },
    refused: ({ project }) =>
      project === PROJECT ? [...models].flatMap(([name, memory]) => refusedOf(name, memory)) : [],

    load: (ctx, name) =>
      turns('folder', async () => {
        const all =
          folder !== undefined && ctx.project === PROJECT ? await scanRepository(folder) : []
        const found = all.find((model) => model.name === name)
        unloaded.delete(name)
        if (found) {
          const memory = newMemory()
          models.set(name, memory)
          // Before anything of it can be loaded; there may be no such endpoint yet.
          await serve.load(ctx, name).catch(() => undefined)
          await settleModel(deps, ctx, found, memory, true)
          const [refusal] = memory.refusals.values()
          if (refusal) throw new GyreError('UNAVAILABLE', `${name}: ${refusal.reason}`, { name })
        }
        await serve.load(ctx, name)
      }),

    unload: (ctx, name) =>
      turns('folder', async () => {
        await serve.unload(ctx, name)
        if (ctx.project === PROJECT) unloaded.add(name)
      }),

    async close() {
      stopping.abort()
      await following
      await turns('folder', async () => undefined)
    },
  }
}

const SYSTEM: Context = { project: PROJECT, actor: 'gyre', requestId: 'repository' }

function refusedOf(name: string, { refusals }: ModelMemory): readonly ServedModel[] {
  return [...refusals].map(([version, { reason }]) => ({
    name,
    versions: version === undefined ? [] : [String(version)],
    state: 'UNAVAILABLE',
    reason,
  }))
}
