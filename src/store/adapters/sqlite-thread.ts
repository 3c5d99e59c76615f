import { parentPort, workerData } from 'node:worker_threads'
import { toGyreError } from '../../core/errors.ts'
import { MIGRATIONS } from '../migrations/migrations.ts'
import { createBatch } from './sqlite-batch.ts'
import { openDatabase } from './sqlite-binding.ts'
import { createExecute } from './sqlite-connection.ts'
import { migrate } from './sqlite-migrate.ts'
import {
  NO_RESULT,
  type Op,
  type Opened,
  type Reply,
  type SqlResult,
  type ThreadData,
} from './sqlite-protocol.ts'

/** `fullfsync` matters on macOS alone, where fsync does not reach the disk. */
const WRITER_PRAGMAS = `
  PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON;
  PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;`

const READER_PRAGMAS = 'PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;'

function post(message: Opened | readonly Reply[]): void {
  parentPort?.postMessage(message)
}

function serve({ path, at }: ThreadData): void {
  const database = openDatabase(path)
  database.exec(WRITER_PRAGMAS)
  migrate(database, MIGRATIONS, at)
  const reader = openDatabase(path)
  reader.exec(READER_PRAGMAS)
  const batch = createBatch(database, createExecute(database))
  const read = createExecute(reader)

  function answer(op: Extract<Op, { id: number }>): SqlResult {
    switch (op.op) {
      case 'run':
        return batch.run(op.sql, op.params)
      case 'read':
        return read(op.sql, op.params)
      case 'commit':
        batch.commit()
        return NO_RESULT
      case 'checkpoint':
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
        return NO_RESULT
      case 'close':
        reader.close()
        database.close()
        return NO_RESULT
    }
  }

  function reply(op: Extract<Op, { id: number }>): Reply {
    try {
      return { id: op.id, result: answer(op) }
    } catch (error) {
      return { id: op.id, error: error instanceof Error ? error.message : String(error) }
    }
  }

  parentPort?.on('message', (ops: readonly Op[]) => {
    const replies: Reply[] = []
    for (const op of ops) {
      if ('id' in op) replies.push(reply(op))
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
