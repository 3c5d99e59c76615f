import { Readable } from 'node:stream'
import type { GcReport, GcRequest } from '@gyre/sdk/wire/upkeep'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'
import type { Events, NewEvent } from '../store/events.ts'
import { archiveOf, takePoint, type BackupDeps, type Point } from './backup.ts'
import { collect, type GcDeps } from './gc.ts'

export interface UpkeepDeps extends BackupDeps, GcDeps {
  readonly events: Events
}

/** What an operator does to a data folder as a whole, while the server answers. One at a time. */
export interface Upkeep {
  /**
   * Everything as of one commit, as an archive; whoever does not read it to its end destroys it. Throws CONFLICT while
   * another verb is under way, DAMAGED, DISK_FULL.
   */
  backup(ctx: Context): Promise<Readable>
  /**
   * What of the bytes nothing needs, by kind; removes it where the request says so. Throws INVALID_ARGUMENT for a
   * duration, CONFLICT, DAMAGED.
   */
  gc(ctx: Context, request: GcRequest): Promise<GcReport>
}

export function createUpkeep(deps: UpkeepDeps): Upkeep {
  const { catalog, clock, events, newId } = deps
  let underWay: string | undefined

  /** Blobs may not go while somebody copies them. */
  function begin(what: string): () => void {
    if (underWay !== undefined)
      throw new GyreError('CONFLICT', `${underWay} is under way: try again when it has ended`)
    underWay = what
    return () => void (underWay = undefined)
  }

  function sending(point: Point, end: () => void): Readable {
    let released: Promise<void> | undefined
    const release = (): Promise<void> => (released ??= point.release().finally(end))
    async function* pieces(): AsyncGenerator<Uint8Array> {
      try {
        yield* archiveOf(deps, point)
      } finally {
        await release()
      }
    }
    const archive = Readable.from(pieces(), { objectMode: false })
    // Nothing runs of a generator that nobody has asked.
    archive.once('close', () => void release())
    return archive
  }

  async function tell(ctx: Context, type: string, id: string, data: NewEvent['data']) {
    const subject = { kind: 'upkeep', id }
    await catalog.write(async (tx) => {
      await events.append(tx, ctx, { type, subject, data })
    })
  }

  async function gc(ctx: Context, request: GcRequest): Promise<GcReport> {
    const nowMs = clock.now().getTime()
    const ago = (field: 'deletedBefore' | 'unusedFor') =>
      new Date(nowMs - durationMs(request[field], field))
    const plan = {
      isDeleting: request.delete,
      deletedBefore: ago('deletedBefore'),
      unusedSince: ago('unusedFor'),
    }
    if (!plan.isDeleting) return collect(deps, plan)
    const id = newId('gc')
    const { deletedBefore, unusedFor } = request
    await tell(ctx, 'gc.begun', id, { deletedBefore, unusedFor })
    const report = await collect(deps, plan)
    const piles = Object.values(report.free)
    const sum = (of: 'files' | 'bytes') => piles.reduce((total, pile) => total + pile[of], 0)
    await tell(ctx, 'gc.ended', id, { files: sum('files'), bytes: sum('bytes') })
    return report
  }

  return {
    async gc(ctx, request) {
      const end = begin('a gc')
      try {
        return await gc(ctx, request)
      } finally {
        end()
      }
    },
    async backup(ctx) {
      const end = begin('a backup')
      try {
        await tell(ctx, 'backup.begun', newId('backup'), {})
        return sending(await takePoint(deps), end)
      } catch (error) {
        end()
        throw error
      }
    },
  }
}
