import { Readable } from 'node:stream'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Events } from '../store/events.ts'
import { archiveOf, takePoint, type BackupDeps, type Point } from './backup.ts'

export interface UpkeepDeps extends BackupDeps {
  readonly events: Events
}

/** What an operator does to a data folder as a whole, while the server answers. One at a time. */
export interface Upkeep {
  /**
   * Everything as of one commit, as an archive; whoever does not read it to its end destroys it. Throws CONFLICT while
   * another verb is under way, DAMAGED, DISK_FULL.
   */
  backup(ctx: Context): Promise<Readable>
}

export function createUpkeep(deps: UpkeepDeps): Upkeep {
  const { catalog, events, newId } = deps
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

  return {
    async backup(ctx) {
      const end = begin('a backup')
      try {
        const subject = { kind: 'backup', id: newId('backup') }
        await catalog.write(async (tx) => {
          await events.append(tx, ctx, { type: 'backup.begun', subject, data: {} })
        })
        return sending(await takePoint(deps), end)
      } catch (error) {
        end()
        throw error
      }
    },
  }
}
