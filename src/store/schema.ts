import type { CoreTables } from './migrations/0001-core.ts'
import type { AccessTables } from './migrations/0004-access.ts'

/** Every table of the catalog, by the migration that made it. */
export interface Tables extends CoreTables, AccessTables {}
