import type { StreamOptions } from '../rows.ts'

/** Small segments, so that a crash meets a roll in most rounds. */
export const CRASH_STREAM: StreamOptions = {
  durability: 'fsync',
  columns: { name: 'VARCHAR', i: 'INTEGER' },
  rollRows: 60,
}
