import type { CoreTables } from './migrations/0001-core.ts'
import type { AccessTables } from './migrations/0004-access.ts'
import type { PipelineTables } from './migrations/0007-pipelines.ts'
import type { RoutesTables } from './migrations/0008-routes.ts'

/** Every table of the catalog, by the migration that made it. */
export interface Tables extends CoreTables, AccessTables, PipelineTables, RoutesTables {}
