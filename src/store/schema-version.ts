import { MIGRATIONS } from './migrations/migrations.ts'

/** The newest schema that this program knows: a folder of a newer one is refused. */
export const SCHEMA_VERSION = Math.max(...MIGRATIONS.map(({ version }) => version))
