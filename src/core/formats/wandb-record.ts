import protobuf from 'protobufjs/light.js'
import { z } from 'zod'
import { GyreError } from '../errors.ts'

type Fields = Readonly<Record<string, protobuf.IField>>

/**
 * The part of W&B's records that is read; the others keep their bytes, so that they can be counted by name.
 * Field numbers: github.com/wandb/wandb, wandb/proto/wandb_internal.proto.
 */
const READ: Readonly<Record<string, Fields>> = {
  Record: {
    history: one(2, 'History'),
    summary: one(3, 'Changes'),
    output: one(4, 'bytes'),
    config: one(5, 'Changes'),
    files: one(6, 'bytes'),
    stats: one(7, 'Stats'),
    artifact: one(8, 'Artifact'),
    tbrecord: one(9, 'bytes'),
    alert: one(10, 'bytes'),
    telemetry: one(11, 'bytes'),
    metric: one(12, 'bytes'),
    outputRaw: one(13, 'bytes'),
    run: one(17, 'Run'),
    exit: one(18, 'Exit'),
    final: one(20, 'bytes'),
    header: one(21, 'bytes'),
    footer: one(22, 'bytes'),
    preempting: one(23, 'bytes'),
    useArtifact: one(25, 'bytes'),
    environment: one(26, 'Environment'),
    outputLogger: one(27, 'bytes'),
  },
  Item: {
    key: one(1, 'string'),
    nestedKey: many(2, 'string'),
    none: one(3, 'int32'),
    boolean: one(4, 'bool'),
    integer: one(5, 'sint64'),
    number: one(6, 'double'),
    text: one(7, 'string'),
    json: one(8, 'string'),
    valueJson: one(16, 'string'),
  },
  Step: { num: one(1, 'int64') },
  History: { item: many(1, 'Item'), step: one(2, 'Step') },
  Changes: { update: many(1, 'Item'), remove: many(2, 'Item') },
  Timestamp: { seconds: one(1, 'int64'), nanos: one(2, 'int32') },
  Stats: { timestamp: one(2, 'Timestamp'), item: many(3, 'Item') },
  Entry: {
    path: one(1, 'string'),
    digest: one(2, 'string'),
    ref: one(3, 'string'),
    localPath: one(6, 'string'),
  },
  ArtifactManifest: { contents: many(4, 'Entry'), manifestFilePath: one(5, 'string') },
  Artifact: {
    type: one(4, 'string'),
    name: one(5, 'string'),
    manifest: one(12, 'ArtifactManifest'),
  },
  Git: { remoteUrl: one(1, 'string'), commit: one(2, 'string') },
  Run: {
    runId: one(1, 'string'),
    entity: one(2, 'string'),
    project: one(3, 'string'),
    config: one(4, 'Changes'),
    summary: one(5, 'Changes'),
    runGroup: one(6, 'string'),
    jobType: one(7, 'string'),
    displayName: one(8, 'string'),
    notes: one(9, 'string'),
    tags: many(10, 'string'),
    sweepId: one(12, 'string'),
    host: one(13, 'string'),
    startTime: one(17, 'Timestamp'),
    git: one(21, 'Git'),
  },
  Exit: { exitCode: one(1, 'int32'), runtime: one(2, 'int32') },
  Environment: {
    os: one(1, 'string'),
    python: one(2, 'string'),
    program: one(6, 'string'),
    git: one(9, 'Git'),
    email: one(10, 'string'),
    username: one(13, 'string'),
  },
}

const RecordType = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(READ).map(([name, fields]) => [name, { fields: { ...fields } }]),
  ),
}).lookupType('Record')

const text = z.string().default('')
/** An int64, as its digits. */
const whole = z.coerce.number().default(0)

/** A value under a key, or under the keys of objects in each other; newer clients give simple ones a type. */
const Item = z
  .object({
    key: text,
    nestedKey: z.array(z.string()).default([]),
    boolean: z.boolean().optional(),
    integer: z.string().optional(),
    number: z.number().optional(),
    text: z.string().optional(),
    json: z.string().optional(),
    valueJson: z.string().optional(),
  })
  .transform(({ key, nestedKey, ...typed }): WandbItem => {
    const quoted = typed.text === undefined ? undefined : JSON.stringify(typed.text)
    const value = typed.boolean ?? typed.integer ?? typed.number ?? quoted ?? typed.json
    return {
      path: nestedKey.length > 0 ? nestedKey : [key],
      json: typed.valueJson ?? String(value ?? null),
    }
  })

export interface WandbItem {
  /** At least one key. */
  readonly path: readonly string[]
  /** As W&B writes it: JSON, or `NaN`, `Infinity`, `-Infinity`. */
  readonly json: string
}

const Timestamp = z
  .object({ seconds: whole, nanos: z.number().default(0) })
  .transform(({ seconds, nanos }) => Math.round(seconds * 1000 + nanos / 1e6))

const items = z.array(Item).default([])
const Changes = z.object({ update: items, remove: items })
const NO_CHANGES = { update: [], remove: [] }
const Git = z.object({ remoteUrl: text, commit: text })

const Read = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('history'),
    value: z.object({ item: items, step: z.object({ num: whole }).optional() }),
  }),
  z.object({ kind: z.literal('summary'), value: Changes }),
  z.object({ kind: z.literal('config'), value: Changes }),
  z.object({
    kind: z.literal('stats'),
    value: z.object({ timestamp: Timestamp.default(0), item: items }),
  }),
  z.object({
    kind: z.literal('artifact'),
    value: z.object({
      type: text,
      name: text,
      manifest: z
        .object({
          contents: z
            .array(z.object({ path: text, digest: text, ref: text, localPath: text }))
            .default([]),
          manifestFilePath: text,
        })
        .default({ contents: [], manifestFilePath: '' }),
    }),
  }),
  z.object({
    kind: z.literal('run'),
    value: z.object({
      runId: text,
      entity: text,
      project: text,
      config: Changes.default(NO_CHANGES),
      summary: Changes.default(NO_CHANGES),
      runGroup: text,
      jobType: text,
      displayName: text,
      notes: text,
      tags: z.array(z.string()).default([]),
      sweepId: text,
      host: text,
      startTime: Timestamp.default(0),
      git: Git.optional(),
    }),
  }),
  z.object({
    kind: z.literal('exit'),
    value: z.object({ exitCode: z.number().default(0), runtime: z.number().default(0) }),
  }),
  z.object({
    kind: z.literal('environment'),
    value: z.object({
      os: text,
      python: text,
      program: text,
      git: Git.optional(),
      email: text,
      username: text,
    }),
  }),
])

/** The names of the records that are read. */
const KINDS: ReadonlySet<string> = new Set(Read.options.map(({ shape }) => shape.kind.value))

/** A record of a W&B transaction log; times are epoch milliseconds. `other` is one that is not read, by its name. */
export type WandbRecord = z.output<typeof Read> | { readonly kind: 'other'; readonly name: string }

/** Throws INVALID_INPUT when the bytes are no record. A record that only a newer W&B knows is `unknown`. */
export function decodeWandbRecord(bytes: Uint8Array): WandbRecord {
  const message = toMessage(bytes)
  const [kind = 'unknown'] = Object.keys(message)
  if (!KINDS.has(kind)) return { kind: 'other', name: kind }
  const parsed = Read.safeParse({ kind, value: message[kind] })
  if (parsed.success) return parsed.data
  throw notRecord(parsed.error)
}

function toMessage(bytes: Uint8Array): Record<string, unknown> {
  try {
    return RecordType.toObject(RecordType.decode(bytes), { longs: String })
  } catch (cause) {
    throw notRecord(cause)
  }
}

function notRecord(cause: unknown): GyreError {
  return new GyreError('INVALID_INPUT', 'expected a record of W&B', { field: 'record' }, cause)
}

function one(id: number, type: string): protobuf.IField {
  return { id, type }
}

function many(id: number, type: string): protobuf.IField {
  return { id, type, rule: 'repeated' }
}
