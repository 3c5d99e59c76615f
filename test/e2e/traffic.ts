import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { z } from 'zod'
import { tempFolder } from '../../src/store/contract/temp-folder.ts'

/** Items of a feedback request. */
const BATCH = 5

/** What one client has asked for; `ackedMs` is set once the answer was 2xx. */
export interface Asked {
  readonly name: string
  readonly ackedMs?: number
}

/** Everything that was ever sent to one data folder, whatever became of it. */
export interface Ledger {
  readonly predictions: Map<string, Asked>
  /** By number; batch n labels the predictions 5n to 5n + 4 of `labelled`. */
  readonly batches: Map<string, Asked>
  readonly aliases: Map<string, Asked>
  readonly keys: Map<string, Asked>
  /** Pipeline runs, by id: those that were answered. */
  readonly runs: Map<string, Asked>
  /** Answers that were neither 2xx nor a connection that ended. */
  readonly refusals: string[]
  /** Ids of predictions to label, known to be on the disk. */
  readonly labelled: readonly string[]
}

export function openLedger(labelled: readonly string[]): Ledger {
  return {
    predictions: new Map(),
    batches: new Map(),
    aliases: new Map(),
    keys: new Map(),
    runs: new Map(),
    refusals: [],
    labelled,
  }
}

interface Reply {
  readonly status: number
  readonly body: unknown
}

/** The answer, or undefined when the connection ended before it came. */
export async function send(
  url: string,
  method: string,
  body?: unknown,
): Promise<Reply | undefined> {
  try {
    const reply = await fetch(url, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    return { status: reply.status, body: await reply.json() }
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}

export const QUESTION = { plan: 'free', visits: 3, tickets: 1 }
const Predicted = z.object({ prediction_id: z.string() })
const Run = z.object({ id: z.string() })

/** Asks for `count` predictions; their ids. */
export async function predictMany(url: string, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  const client = async (): Promise<void> => {
    for (let left = count / 8; left > 0; left--) {
      const reply = await send(`${url}/predict/churn`, 'POST', {
        subject: 'early',
        input: QUESTION,
      })
      ids.push(Predicted.parse(reply?.body).prediction_id)
    }
  }
  await Promise.all(Array.from({ length: 8 }, client))
  return ids
}

/**
 * Clients that each send one request after the other until the server does not answer any more: predictions,
 * labels, aliases, keys, and pipeline runs that only register, since their other steps are cached. `onAck` after each 2xx.
 */
export async function sendUntilCut(url: string, ledger: Ledger, onAck: () => void): Promise<void> {
  /** True once it was answered; false when the connection ended, or the server refused. */
  async function put(
    kind: Map<string, Asked>,
    name: string,
    [method, path, body]: readonly [string, string, unknown?],
  ): Promise<boolean> {
    kind.set(name, { name })
    const reply = await send(url + path, method, body)
    if (!reply) return false
    if (reply.status > 299) {
      ledger.refusals.push(`${path}: ${reply.status} ${JSON.stringify(reply.body)}`)
      return false
    }
    kind.set(name, { name, ackedMs: performance.now() })
    onAck()
    return true
  }

  const clients: readonly (() => Promise<boolean>)[] = [
    ...Array.from({ length: 2 }, () => () => {
      const subject = randomUUID()
      const body = { subject, input: QUESTION }
      return put(ledger.predictions, subject, ['POST', '/predict/churn', body])
    }),
    ...Array.from({ length: 3 }, () => () => {
      const batch = ledger.batches.size
      const ids = labelledBy(ledger, batch)
      if (ids.length < BATCH) return Promise.resolve(false)
      const items = ids.map((id) => ({ prediction_id: id, label: 1 }))
      return put(ledger.batches, String(batch), ['POST', '/feedback', { items }])
    }),
    () => {
      const alias = `a${ledger.aliases.size}`
      return put(ledger.aliases, alias, ['PUT', `/api/v1/models/churn/versions/1/aliases/${alias}`])
    },
    () => {
      const name = `k${ledger.keys.size}`
      return put(ledger.keys, name, ['POST', '/api/v1/keys', { name, role: 'viewer' }])
    },
    async () => {
      const path = '/api/v1/pipelines/train/runs'
      const reply = await send(url + path, 'POST', { params: {} })
      if (!reply) return false
      if (reply.status !== 202) {
        ledger.refusals.push(`${path}: ${reply.status} ${JSON.stringify(reply.body)}`)
        return false
      }
      const { id } = Run.parse(reply.body)
      ledger.runs.set(id, { name: id, ackedMs: performance.now() })
      onAck()
      return (await send(`${url}/api/v1/pipeline-runs/${id}?wait=true`, 'GET'))?.status === 200
    },
  ]
  await Promise.all(
    clients.map(async (client) => {
      while (await client());
    }),
  )
}

/** The ids of the predictions that a batch labels. */
export function labelledBy({ labelled }: Ledger, batch: number): readonly string[] {
  return labelled.slice(batch * BATCH, (batch + 1) * BATCH)
}

/** What the server says it has. */
export interface Kept {
  readonly subjects: ReadonlySet<string>
  /** Ids of predictions with a label. */
  readonly labelled: ReadonlySet<string>
  readonly aliases: ReadonlySet<string>
  /** Aliases that an event tells of. */
  readonly told: ReadonlySet<string>
  readonly keys: ReadonlySet<string>
}

const Names = z.object({ keys: z.array(z.object({ name: z.string() })) })
const Version = z.object({ aliases: z.array(z.string()) })
const Aliased = z.object({
  events: z.array(z.object({ seq: z.number(), data: z.object({ alias: z.string() }) })),
})

/** Reads back, by the server's own doors, what it has kept. */
export async function readKept(url: string): Promise<Kept> {
  const read = async (path: string): Promise<unknown> => (await send(url + path, 'GET'))?.body
  const version = Version.parse(await read('/api/v1/models/churn/versions/1'))
  const { keys } = Names.parse(await read('/api/v1/keys'))
  const told: string[] = []
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = `/api/v1/event-log?type=model.aliased&limit=1000&after=${after}`
    const { events } = Aliased.parse(await read(page))
    told.push(...events.map(({ data }) => data.alias))
    after = events.at(-1)?.seq
  }
  const rows = await exportedRows(url)
  return {
    subjects: new Set(rows.map(({ subject }) => subject)),
    labelled: new Set(rows.filter(({ label }) => label !== null).map(({ id }) => id)),
    aliases: new Set(version.aliases),
    told: new Set(told),
    keys: new Set(keys.map(({ name }) => name)),
  }
}

const Row = z.object({ id: z.string(), subject: z.string(), label: z.number().nullable() })

async function exportedRows(url: string): Promise<readonly z.infer<typeof Row>[]> {
  const reply = await fetch(`${url}/api/v1/endpoints/churn/predictions.parquet`)
  const path = join(await tempFolder(), 'predictions.parquet')
  await writeFile(path, Buffer.from(await reply.arrayBuffer()))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    const sql = `SELECT id, subject, label FROM read_parquet('${path}')`
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJS()
    return z.array(Row).parse(rows)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
