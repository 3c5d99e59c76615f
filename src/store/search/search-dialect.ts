import type { Entity, KeyedEntity, NamedEntity, Operator } from './filter-clause.ts'

/** What may be compared with it: a quoted text, any number, a whole number; `any`: a number by `<` `<=` `>` `>=`, else a text. */
export type FieldType = 'text' | 'number' | 'integer' | 'any'

export interface Field {
  readonly type: FieldType
  /** None: it orders, but does not filter. */
  readonly operators: readonly Operator[]
  /** Its number may also stand in quotes: MLflow writes ids of experiments so. */
  readonly quoted?: true
}

/** A field with a name of its own: an attribute of the row, or a column of what hangs on it. */
export interface NamedField extends Field {
  readonly aliases?: readonly string[]
  readonly ordered?: true
}

/** Keys that can order: each row has one value of them at most. */
export type OrderedEntity = 'metric' | 'param' | 'tag' | 'metadata'

export interface OrderKey {
  readonly entity: 'attribute' | OrderedEntity
  readonly key: string
  readonly direction: 'asc' | 'desc'
}

/**
 * What can be searched of one kind of thing. The grammar is the same for all; the dialect says which words
 * may stand before the dot (`prefixes`), which names and operators follow, and what orders.
 */
export interface Dialect {
  readonly kind: string
  readonly prefixes: Readonly<Partial<Record<Entity, readonly string[]>>>
  readonly attributes: Readonly<Record<string, NamedField>>
  /** Fields of the key-value tables, under any key. */
  readonly keyed: Readonly<Partial<Record<KeyedEntity, Field>>>
  /** Fields with names of what hangs on the row. */
  readonly named?: Readonly<
    Partial<Record<Exclude<NamedEntity, 'attribute'>, Readonly<Record<string, NamedField>>>>
  >
  /** What is behind `span.attributes.`, under any key. */
  readonly spanAttribute?: Field
  /** A number without quotes is also taken where a text is due, digit for digit. */
  readonly bareNumbersAsText?: true
  readonly order: {
    readonly keyed: readonly OrderedEntity[]
    /** The order when none is asked for. */
    readonly usual: readonly OrderKey[]
    /** What decides between equals; the last of them differs from row to row. */
    readonly ties: readonly OrderKey[]
  }
}

const NUMERIC: readonly Operator[] = ['=', '!=', '<', '<=', '>', '>=']
const TEXT: readonly Operator[] = ['=', '!=', 'LIKE', 'ILIKE']
const LISTED: readonly Operator[] = [...TEXT, 'IN', 'NOT IN']
const OPTIONAL: readonly Operator[] = [...TEXT, 'IS NULL', 'IS NOT NULL']

const ATTRIBUTE = ['attribute', 'attributes', 'attr']
const TAG = ['tag', 'tags']
const METRIC = ['metric', 'metrics']
const PARAM = ['param', 'params', 'parameter', 'parameters']

const text = { type: 'text', operators: TEXT, ordered: true } as const
const listed = { type: 'text', operators: LISTED, ordered: true } as const
const time = { type: 'number', operators: NUMERIC, ordered: true } as const
const wholeTime = { type: 'integer', operators: NUMERIC, ordered: true } as const
const orderOnly = { type: 'integer', operators: [], ordered: true } as const

const asc = (key: string): OrderKey => ({ entity: 'attribute', key, direction: 'asc' })
const desc = (key: string): OrderKey => ({ entity: 'attribute', key, direction: 'desc' })

export const RUNS: Dialect = {
  kind: 'runs',
  prefixes: {
    attribute: [...ATTRIBUTE, 'run'],
    metric: METRIC,
    param: PARAM,
    tag: TAG,
    dataset: ['dataset', 'datasets'],
  },
  attributes: {
    run_id: listed,
    run_name: { ...text, aliases: ['run name', 'Run name', 'Run Name'] },
    user_id: text,
    status: text,
    start_time: { ...time, aliases: ['created', 'Created'] },
    end_time: time,
    artifact_uri: text,
  },
  keyed: {
    metric: { type: 'number', operators: NUMERIC },
    param: { type: 'text', operators: OPTIONAL },
    tag: { type: 'text', operators: OPTIONAL },
  },
  named: { dataset: { name: listed, digest: listed, context: listed } },
  order: {
    keyed: ['metric', 'param', 'tag'],
    usual: [],
    ties: [desc('start_time'), asc('run_id')],
  },
}

export const EXPERIMENTS: Dialect = {
  kind: 'experiments',
  prefixes: { attribute: ATTRIBUTE, tag: TAG },
  attributes: {
    name: text,
    experiment_id: {
      type: 'integer',
      operators: ['=', '!=', 'IN', 'NOT IN'],
      quoted: true,
      ordered: true,
    },
    creation_time: wholeTime,
    last_update_time: wholeTime,
  },
  keyed: { tag: { type: 'text', operators: OPTIONAL } },
  order: {
    keyed: [],
    usual: [desc('creation_time'), asc('experiment_id')],
    ties: [desc('experiment_id')],
  },
}

export const REGISTERED_MODELS: Dialect = {
  kind: 'registered models',
  prefixes: { attribute: ATTRIBUTE, tag: TAG },
  attributes: {
    name: listed,
    last_updated_timestamp: { ...orderOnly, aliases: ['timestamp'] },
  },
  keyed: { tag: { type: 'text', operators: TEXT } },
  order: { keyed: [], usual: [], ties: [asc('name')] },
}

export const MODEL_VERSIONS: Dialect = {
  kind: 'model versions',
  prefixes: { attribute: ATTRIBUTE, tag: TAG },
  attributes: {
    name: listed,
    version_number: { ...wholeTime, quoted: true },
    run_id: { type: 'text', operators: LISTED },
    source_path: { type: 'text', operators: TEXT },
    creation_timestamp: orderOnly,
    last_updated_timestamp: orderOnly,
  },
  keyed: { tag: { type: 'text', operators: TEXT } },
  order: {
    keyed: [],
    usual: [desc('last_updated_timestamp')],
    ties: [asc('name'), desc('version_number')],
  },
}

export const LOGGED_MODELS: Dialect = {
  kind: 'logged models',
  prefixes: { attribute: ATTRIBUTE, metric: METRIC, param: PARAM, tag: TAG },
  attributes: {
    name: listed,
    model_id: listed,
    model_type: listed,
    status: listed,
    source_run_id: listed,
    creation_timestamp: { ...time, aliases: ['creation_time', 'creation_timestamp_ms'] },
    last_updated_timestamp: {
      ...time,
      aliases: ['last_updated_time', 'last_updated_timestamp_ms'],
    },
  },
  keyed: {
    metric: { type: 'number', operators: NUMERIC },
    param: { type: 'text', operators: LISTED },
    tag: { type: 'text', operators: LISTED },
  },
  bareNumbersAsText: true,
  order: {
    keyed: ['metric'],
    usual: [],
    ties: [desc('creation_timestamp'), asc('model_id')],
  },
}

const isOrNot = { type: 'text', operators: ['=', '!='] } as const

export const ISSUES: Dialect = {
  kind: 'issues',
  prefixes: { attribute: ATTRIBUTE },
  attributes: { status: isOrNot, source_run_id: isOrNot },
  keyed: {},
  order: { keyed: [], usual: [], ties: [] },
}

const asked = { type: 'text', operators: LISTED } as const
const judged = {
  type: 'any',
  operators: ['=', '!=', '<', '<=', '>', '>=', 'LIKE', 'ILIKE', 'IS NULL', 'IS NOT NULL'],
} as const
const searched = { type: 'text', operators: ['LIKE', 'ILIKE'] } as const

export const TRACES: Dialect = {
  kind: 'traces',
  prefixes: {
    attribute: [...ATTRIBUTE, 'trace'],
    tag: TAG,
    metadata: ['metadata', 'request_metadata'],
    span: ['span'],
    feedback: ['feedback'],
    expectation: ['expectation'],
    issue: ['issue'],
  },
  attributes: {
    request_id: listed,
    timestamp_ms: { ...time, aliases: ['timestamp'] },
    execution_time_ms: { ...time, aliases: ['execution_time'] },
    end_time_ms: { ...time, aliases: ['end_time'] },
    status: listed,
    client_request_id: asked,
    name: { type: 'text', operators: [...LISTED, 'IS NULL', 'IS NOT NULL'], ordered: true },
    run_id: listed,
    prompt: { type: 'text', operators: ['='] },
    text: searched,
    experiment_id: orderOnly,
  },
  keyed: {
    tag: { type: 'text', operators: OPTIONAL },
    metadata: { type: 'text', operators: OPTIONAL },
    feedback: judged,
    expectation: judged,
  },
  named: {
    span: { name: asked, type: asked, status: asked, content: searched },
    issue: { id: { type: 'text', operators: ['='] } },
  },
  spanAttribute: asked,
  order: {
    keyed: ['tag', 'metadata'],
    usual: [],
    ties: [desc('timestamp_ms'), asc('request_id')],
  },
}
