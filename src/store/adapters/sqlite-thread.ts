import { parentPort, workerData } from 'node:worker_threads'
import { GyreError, toGyreError } from '../../core/errors.ts'
import { MIGRATIONS } from '../migrations/migrations.ts'
import { runProcedure } from '../procedures/procedures.ts'
import type { Sql } from '../procedures/sql.ts'
import { createBatch } from './sqlite-batch.ts'
import { BUSY_TIMEOUT_MS, openDatabase } from './sqlite-binding.ts'
import { createExecute } from './sqlite-connection.ts'
import { migrate } from './sqlite-migrate.ts'
import { openView, type View } from './sqlite-view.ts'
import {
  NO_RESULT,
  type Op,
  type Opened,
  type Reply,
  type SqlResult,
  type ThreadData,
} from './sqlite-protocol.ts'

/**
 * `fullfsync` matters on macOS alone, where fsync does not reach the disk. `auto_vacuum` lets a file shrink; it is
 * settled when the file is made.
 */
const WRITER_PRAGMAS = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON;
  PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;`

const READER_PRAGMAS = 'PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;'

function post(message: Opened | readonly Reply[]): void {
  parentPort?.postMessage(message)
}

type Asked = Extract<Op, { id: number }>

function failure(id: number, error: unknown): Reply {
  if (error instanceof GyreError) {
    const { code, message, details } = error
    return { id, refused: { code, message, details } }
  }
  return { id, error: error instanceof Error ? error.message : String(error) }
}

function serve({ path, at }: ThreadData): void {
  const database = openDatabase(path)
  database.exec(WRITER_PRAGMAS)
  migrate(database, MIGRATIONS, at)
  const reader = openDatabase(path)
  reader.exec(READER_PRAGMAS)
  const batch = createBatch(database, createExecute(database))
  const read = createExecute(reader)
  const views = new Map<number, View>()

  const sql: Sql = {
    all: (text, params) => batch.run(text, params).rows,
    run: (text, params) => void batch.run(text, params),
  }

  function viewOf(id: number): View {
    const view = views.get(id)
    if (!view) throw new GyreError('UNAVAILABLE', 'this snapshot of the catalog is closed')
    return view
  }

  function answer(op: Exclude<Asked, { op: 'call' | 'view-copy' }>): SqlResult {
    switch (op.op) {
      case 'run':
        return batch.run(op.sql, op.params)
      case 'read':
        return read(op.sql, op.params)
      case 'commit':
        batch.commit()
        return NO_RESULT
      case 'checkpoint':
        // Who reads an older commit is not waited for: it may be this very thread.
        database.exec(`PRAGMA busy_timeout = 0; PRAGMA wal_checkpoint(TRUNCATE);`)
        database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
        return NO_RESULT
      case 'shrink':
        batch.shrink(op.pages)
        return NO_RESULT
      case 'view-open':
        views.set(op.view, openView(path))
        return NO_RESULT
      case 'view-ask':
        return viewOf(op.view).answer(op.ask)
      case 'view-close':
        views.get(op.view)?.close()
        views.delete(op.view)
        return NO_RESULT
      case 'close':
        for (const view of views.values()) view.close()
        views.clear()
        reader.close()
        database.close()
        return NO_RESULT
    }
  }

  function reply(op: Exclude<Asked, { op: 'view-copy' }>): Reply {
    try {
      if (op.op !== 'call') return { id: op.id, result: answer(op) }
      return { id: op.id, returned: runProcedure(sql, op.call) }
    } catch (error) {
      return failure(op.id, error)
    }
  }

  /** The one answer that takes its time: what is asked meanwhile does not wait for it. */
  async function copy({ id, view, path: to }: Extract<Op, { op: 'view-copy' }>): Promise<void> {
    try {
      await viewOf(view).copyTo(to)
      post([{ id, result: NO_RESULT }])
    } catch (error) {
      post([failure(id, error)])
    }
  }

  parentPort?.on('message', (ops: readonly Op[]) => {
    const replies: Reply[] = []
    for (const op of ops) {
      if (op.op === 'view-copy') void copy(op)
      else if ('id' in op) replies.push(reply(op))
      else batch[op.op]()
    }
    if (replies.length > 0) post(replies)
    if (ops.some((op) => op.op === 'close')) parentPort?.close()
  })
}

try {
  serve(workerData)
  post({ opened: true })
} catch (error) {
  const { code, message } = toGyreError(error)
  post({ opened: false, code, message })
}
