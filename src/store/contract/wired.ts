import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { fakeClock, type FakeClock } from '../../core/clock.ts'
import type { Context } from '../../core/context.ts'
import { createIds, type NewId } from '../../core/id.ts'
import { openSqlite } from '../adapters/sqlite.ts'
import type { Catalog } from '../catalog.ts'
import { tempFolder } from './temp-folder.ts'

export const CTX: Context = { project: 'default', actor: 'local', requestId: 'test' }

export interface Wired {
  readonly catalog: Catalog
  readonly clock: FakeClock
  readonly newId: NewId
}

/** A real catalog in a folder of its own, closed with the test. */
export async function wired(): Promise<Wired> {
  const clock = fakeClock()
  const catalog = await openSqlite({ path: join(await tempFolder(), 'catalog.db'), clock })
  onTestFinished(() => catalog.close())
  return { catalog, clock, newId: createIds(() => clock.now().getTime()) }
}
