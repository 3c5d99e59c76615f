import type { CoreTables } from './migrations/0001-core.ts'

/** Every table of the catalog, by the migration that made it. */
export interface Tables extends CoreTables {}
