import { invalidInput, type GyreError } from '../errors.ts'
import type { TextField } from './proto-text.ts'

/** The fields of one message, read by name; each complaint names the setting from the top. */
export interface TritonFields {
  readonly names: readonly string[]
  /** The message of a field that is there at most once. */
  message(name: string): TritonFields | undefined
  messages(name: string): readonly TritonFields[]
  text(name: string): string | undefined
  word(name: string): string | undefined
  flag(name: string): boolean
  /** A whole number from 0. */
  count(name: string): number | undefined
  counts(name: string): readonly number[]
  integers(name: string): readonly number[]
  /** What would be the answer's meaning, and cannot be had here. */
  refuse(name: string, why: string): GyreError
}

/** Throws INVALID_INPUT for a field that Triton's message has not, or that comes twice where one may be. */
export function tritonFields(
  fields: readonly TextField[],
  known: readonly string[],
  path = '',
): TritonFields {
  const pathOf = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const unknown = fields.find(({ name }) => !known.includes(name))
  if (unknown)
    throw invalidInput(pathOf(unknown.name), `line ${unknown.line}: Triton has no such setting`)
  const all = (name: string): readonly TextField[] => fields.filter((field) => field.name === name)
  const single = (name: string): TextField | undefined => {
    const [first, second] = all(name)
    if (second) throw invalidInput(pathOf(name), `line ${second.line}: given twice`)
    return first
  }
  const within = ({ name, line, value }: TextField): TritonFields => {
    const names = MESSAGES[name]
    if (value.kind !== 'message' || names === undefined)
      throw invalidInput(pathOf(name), `line ${line}: expected { … }`)
    return tritonFields(value.fields, names, pathOf(name))
  }
  const scalar = (kind: 'text' | 'word', { name, line, value }: TextField): string => {
    if (value.kind === kind) return value.text
    const expected = kind === 'text' ? 'a text in quotes' : 'a value without quotes'
    throw invalidInput(pathOf(name), `line ${line}: expected ${expected}`)
  }
  const whole = (field: TextField, least: number): number => {
    const number = wholeOf(scalar('word', field))
    if (number !== undefined && number >= least) return number
    const from = least === 0 ? ' from 0' : ''
    throw invalidInput(pathOf(field.name), `line ${field.line}: expected a whole number${from}`)
  }
  return {
    names: [...new Set(fields.map(({ name }) => name))],
    message: (name) => optional(single(name), within),
    messages: (name) => all(name).map(within),
    text: (name) => optional(single(name), (field) => scalar('text', field)),
    word: (name) => optional(single(name), (field) => scalar('word', field)),
    flag: (name) => {
      const word = optional(single(name), (field) => scalar('word', field)) ?? 'false'
      if (TRUTHS.has(word)) return true
      if (FALSEHOODS.has(word)) return false
      throw invalidInput(pathOf(name), `expected true or false, got ${word}`)
    },
    count: (name) => optional(single(name), (field) => whole(field, 0)),
    counts: (name) => all(name).map((field) => whole(field, 0)),
    integers: (name) => all(name).map((field) => whole(field, Number.MIN_SAFE_INTEGER)),
    refuse: (name, why) => invalidInput(pathOf(name), `cannot be honoured: ${why}`),
  }
}

const TRUTHS = new Set(['true', 'True', 't', '1'])
const FALSEHOODS = new Set(['false', 'False', 'f', '0'])

function optional<T>(field: TextField | undefined, read: (field: TextField) => T): T | undefined {
  return field && read(field)
}

/** Decimal, hexadecimal or octal, exactly. */
function wholeOf(text: string): number | undefined {
  const [, sign, digits = ''] = /^(-?)(0[xX][\dA-Fa-f]+|\d+)$/.exec(text) ?? []
  if (digits === '') return undefined
  const isOctal = /^0\d/.test(digits)
  if (isOctal && !/^[0-7]+$/.test(digits)) return undefined
  const number = isOctal ? Number.parseInt(digits, 8) : Number(digits)
  if (!Number.isSafeInteger(number)) return undefined
  return sign === '-' ? -number : number
}

/** Names by field: github.com/triton-inference-server/common, protobuf/model_config.proto. */
const MESSAGES: Readonly<Record<string, readonly string[]>> = {
  version_policy: ['latest', 'all', 'specific'],
  latest: ['num_versions'],
  all: [],
  specific: ['versions'],
  input: words(`name data_type format dims reshape is_shape_tensor allow_ragged_batch optional
    is_non_linear_format_io`),
  output: words(`name data_type dims reshape label_filename is_shape_tensor
    is_non_linear_format_io`),
  dynamic_batching: words(`preferred_batch_size max_queue_delay_microseconds preserve_ordering
    priority_levels default_priority_level default_queue_policy priority_queue_policy`),
  instance_group: words(`name kind count rate_limiter gpus secondary_devices profile passive
    host_policy`),
  model_transaction_policy: ['decoupled'],
}

/** The fields of a whole configuration. */
export const MODEL_CONFIG = words(`name platform backend runtime version_policy max_batch_size input
  output batch_input batch_output optimization dynamic_batching sequence_batching
  ensemble_scheduling instance_group default_model_filename cc_model_filenames metric_tags
  parameters model_warmup model_operations model_transaction_policy model_repository_agents
  response_cache model_metrics`)

function words(text: string): readonly string[] {
  return text.split(/\s+/)
}
