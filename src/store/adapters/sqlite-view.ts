import { copyDatabase, openDatabase } from './sqlite-binding.ts'
import { createExecute, openCursor, type Cursor } from './sqlite-connection.ts'
import { NO_RESULT, type SqlResult, type ViewAsk } from './sqlite-protocol.ts'

/** The database as of one commit, on a connection of its own: a read transaction that lasts until it is closed. */
export interface View {
  answer(ask: ViewAsk): SqlResult
  /** Writes all of it into a new file at `path`, beside this thread: the writer and the readers go on. */
  copyTo(path: string): Promise<void>
  close(): void
}

/** Pages of 4 KB in one step of a copy: some milliseconds in which nothing else reads the view. */
const COPY_PAGES = 1_000

/** Throws the binding's errors. */
export function openView(path: string): View {
  const database = openDatabase(path)
  // The commit is chosen by the first read, not by BEGIN.
  database.exec('PRAGMA query_only = ON; BEGIN; SELECT count(*) FROM sqlite_schema')
  const read = createExecute(database)
  const cursors = new Map<number, Cursor>()

  function end(id: number): void {
    cursors.get(id)?.end()
    cursors.delete(id)
  }

  return {
    answer(ask) {
      switch (ask.verb) {
        case 'read':
          return read(ask.sql, ask.params)
        case 'open':
          cursors.set(ask.cursor, openCursor(database, ask.sql, ask.params))
          return NO_RESULT
        case 'next':
          return cursors.get(ask.cursor)?.next(ask.most) ?? NO_RESULT
        case 'end':
          end(ask.cursor)
          return NO_RESULT
      }
    },
    async copyTo(to) {
      await copyDatabase(database, to, { rate: COPY_PAGES })
    },
    close() {
      for (const id of cursors.keys()) end(id)
      database.close()
    },
  }
}
