import type { Worker } from 'node:worker_threads'
import { GyreError, isErrorCode } from '../../core/errors.ts'
import { siblingUrl, spawnThread } from '../../core/spawn.ts'
import type { ProcedureCall } from '../procedure.ts'
import { sqliteError } from './sqlite-error.ts'
import {
  NO_RESULT,
  type Op,
  type Opened,
  type Refused,
  type Reply,
  type SqlResult,
  type SqlValue,
  type ThreadData,
  type ViewAsk,
} from './sqlite-protocol.ts'

/** Reads in flight; past it the callers are faster than the disk and are told so. */
const MAX_PENDING = 10_000

/** The thread that owns the database, as the main thread sees it: ordered, one message a turn. */
export interface Channel {
  begin(): void
  unit(): void
  keep(): void
  undo(): void
  run(sql: string, params: readonly SqlValue[]): Promise<SqlResult>
  read(sql: string, params: readonly SqlValue[]): Promise<SqlResult>
  /** Runs a procedure as a part of the unit; resolves with what it returns. */
  call(call: ProcedureCall): Promise<unknown>
  shrink(pages: number): Promise<void>
  commit(): Promise<void>
  checkpoint(): Promise<void>
  /** The database as of the newest commit. */
  openView(): Promise<ViewLink>
  close(): Promise<void>
}

/** A view of the database in its thread. */
export interface ViewLink {
  read(sql: string, params: readonly SqlValue[]): Promise<SqlResult>
  /** Rows of one statement, `most` at a time. */
  pages(sql: string, params: readonly SqlValue[], most: number): AsyncGenerator<SqlResult>
  copyTo(path: string): Promise<void>
  close(): Promise<void>
}

type Answer = Extract<Reply, { result: SqlResult } | { returned: unknown }>

interface Pending {
  readonly sql: string | undefined
  resolve(answer: Answer): void
  reject(error: GyreError): void
}

/** Opens, and if need be makes and migrates, the database. Throws NEWER_DATABASE, FOLDER_NOT_WRITABLE. */
export async function openChannel(data: ThreadData): Promise<Channel> {
  const worker = spawnThread(siblingUrl('./sqlite-thread', import.meta.url), { workerData: data })
  await opened(worker)
  const pending = new Map<number, Pending>()
  let gone: GyreError | undefined
  let nextId = 0
  let outbox: Op[] = []

  function lose(error: GyreError): void {
    gone ??= error
    for (const call of pending.values()) call.reject(gone)
    pending.clear()
  }

  worker.on('message', (replies: readonly Reply[]) => {
    for (const reply of replies) {
      const call = pending.get(reply.id)
      pending.delete(reply.id)
      if ('result' in reply || 'returned' in reply) call?.resolve(reply)
      else if ('refused' in reply) call?.reject(refusal(reply.refused))
      else call?.reject(sqliteError(reply.error, call.sql))
    }
  })
  worker.on('error', (cause) => lose(unavailable('the catalog thread failed', cause)))
  worker.on('exit', () => lose(unavailable('the catalog is closed')))

  /** Everything said in one turn of the event loop crosses in one message: a statement costs one hop. */
  function send(op: Op): void {
    if (outbox.length === 0)
      queueMicrotask(() => {
        worker.postMessage(outbox)
        outbox = []
      })
    outbox.push(op)
  }

  function ask(make: (id: number) => Op, sql?: string): Promise<Answer> {
    if (gone) return Promise.reject(gone)
    if (pending.size >= MAX_PENDING)
      return Promise.reject(
        new GyreError('OVERLOADED', `the catalog has ${pending.size} statements waiting`),
      )
    return new Promise((resolve, reject) => {
      const id = nextId++
      pending.set(id, { sql, resolve, reject })
      send(make(id))
    })
  }

  async function openView(): Promise<ViewLink> {
    const view = nextId++
    await ask((id) => ({ op: 'view-open', id, view }))
    const askView = async (what: ViewAsk, sql?: string): Promise<SqlResult> =>
      resultOf(await ask((id) => ({ op: 'view-ask', id, view, ask: what }), sql))
    return {
      read: (sql, params) => askView({ verb: 'read', sql, params }, sql),
      async *pages(sql, params, most) {
        const cursor = nextId++
        await askView({ verb: 'open', cursor, sql, params }, sql)
        try {
          for (let isWhole = true; isWhole;) {
            const page = await askView({ verb: 'next', cursor, most }, sql)
            isWhole = page.rows.length === most
            if (page.rows.length > 0) yield page
          }
        } finally {
          await askView({ verb: 'end', cursor })
        }
      },
      copyTo: async (path) => void (await ask((id) => ({ op: 'view-copy', id, view, path }))),
      close: async () => void (await ask((id) => ({ op: 'view-close', id, view }))),
    }
  }

  return {
    begin: () => send({ op: 'begin' }),
    unit: () => send({ op: 'unit' }),
    keep: () => send({ op: 'keep' }),
    undo: () => send({ op: 'undo' }),
    run: async (sql, params) => resultOf(await ask((id) => ({ op: 'run', id, sql, params }), sql)),
    read: async (sql, params) =>
      resultOf(await ask((id) => ({ op: 'read', id, sql, params }), sql)),
    async call(call) {
      const answer = await ask((id) => ({ op: 'call', id, call }), `CALL ${call.name}`)
      return 'returned' in answer ? answer.returned : undefined
    },
    shrink: async (pages) => void (await ask((id) => ({ op: 'shrink', id, pages }))),
    openView,
    commit: async () => void (await ask((id) => ({ op: 'commit', id }))),
    checkpoint: async () => void (await ask((id) => ({ op: 'checkpoint', id }))),
    async close() {
      await ask((id) => ({ op: 'close', id }))
      await worker.terminate()
    },
  }
}

function resultOf(answer: Answer): SqlResult {
  return 'result' in answer ? answer.result : NO_RESULT
}

function refusal({ code, message, details }: Refused): GyreError {
  return new GyreError(code, message, details)
}

function opened(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('message', (first: Opened) => {
      worker.off('error', reject)
      if (first.opened) resolve()
      else reject(openError(first.code, first.message))
    })
  })
}

function openError(code: string, message: string): GyreError {
  if (isErrorCode(code) && code !== 'INTERNAL') return new GyreError(code, message)
  return sqliteError(message)
}

function unavailable(message: string, cause?: unknown): GyreError {
  return new GyreError('UNAVAILABLE', message, {}, cause)
}
