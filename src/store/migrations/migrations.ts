import { core } from './0001-core.ts'
import { access } from './0004-access.ts'
import { pipelines } from './0007-pipelines.ts'
import { routes } from './0008-routes.ts'
import type { Migration } from './migration.ts'

/** Every migration, oldest first. A new one is a file and a line here, and a name in `../schema.ts`. */
export const MIGRATIONS: readonly Migration[] = [core, access, pipelines, routes]
