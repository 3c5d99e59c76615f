import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { packExportJson } from '../../core/formats/otlp.ts'
import { parsePythonJson, type PythonValue } from '../../core/formats/python-json.ts'

/** A span as MLflow 3 keeps it; `context` only in what MLflow 2 wrote. */
const Stored = z.object({
  name: z.string(),
  start: z.string(),
  end: z.string().nullable(),
  spanId: z.string(),
  parentId: z.string().nullable(),
  code: z.string(),
  message: z.string().nullable(),
})

/**
 * A span of MLflow's, as the request of an OTLP exporter that its client would have sent (`Span.to_otel_proto`).
 * `trace` is the name of its trace, which counts: MLflow 2 gave spans another. Throws INVALID_INPUT.
 */
export function packSpan(trace: string, span: PythonValue): Uint8Array {
  const [, traceId] = /^tr-([0-9a-f]{32})$/.exec(trace) ?? []
  if (traceId === undefined) throw bad('its trace has no id of OpenTelemetry')
  const head = headOf(span)
  const json = {
    traceId,
    spanId: hexOf(head.spanId, 8),
    ...(head.parentId ? { parentSpanId: hexOf(head.parentId, 8) } : {}),
    name: head.name,
    startTimeUnixNano: head.start,
    ...(head.end === null ? {} : { endTimeUnixNano: head.end }),
    status: { code: CODES[head.code], ...(head.message ? { message: head.message } : {}) },
    attributes: membersOf(member(span, 'attributes')).map(([key, value]) =>
      keyValue([key, typeof value === 'string' ? unpacked(value) : value]),
    ),
    events: listOf(member(span, 'events')).map((event) => ({
      name: textOf(member(event, 'name')) ?? '',
      timeUnixNano: digitsOf(member(event, 'time_unix_nano') ?? member(event, 'timestamp')) ?? '0',
      attributes: membersOf(member(event, 'attributes')).map(keyValue),
    })),
    links: listOf(member(span, 'links')).map((link) => ({
      traceId: hexOf((textOf(member(link, 'trace_id')) ?? '').replace(/^.*tr-/, ''), 16),
      spanId: hexOf(textOf(member(link, 'span_id')) ?? '', 8),
      attributes: membersOf(member(link, 'attributes')).map(keyValue),
    })),
  }
  return packExportJson({ resourceSpans: [{ scopeSpans: [{ spans: [json] }] }] })
}

/** The name by which the tally knows a span. */
export function nameOfSpan(span: PythonValue): string {
  return textOf(member(span, 'name')) ?? 'a span'
}

function headOf(span: PythonValue): z.output<typeof Stored> {
  const [context, status] = [member(span, 'context'), member(span, 'status')]
  const head = Stored.safeParse({
    name: textOf(member(span, 'name')),
    start: digitsOf(member(span, 'start_time_unix_nano') ?? member(span, 'start_time')),
    end: digitsOf(member(span, 'end_time_unix_nano') ?? member(span, 'end_time')) ?? null,
    spanId: textOf(member(context ?? span, 'span_id')),
    parentId: textOf(member(span, 'parent_span_id') ?? member(span, 'parent_id')) ?? null,
    code: textOf(member(status, 'code') ?? member(span, 'status_code')) ?? 'UNSET',
    message: textOf(member(status, 'message') ?? member(span, 'status_message')) ?? null,
  })
  if (head.success) return head.data
  const [issue] = head.error.issues
  throw bad(`${issue?.path.join('.')}: ${issue?.message}`)
}

/** MLflow 3.5.0 wrote them without their prefix. */
const CODES: Readonly<Record<string, string>> = {
  OK: 'STATUS_CODE_OK',
  ERROR: 'STATUS_CODE_ERROR',
  UNSET: 'STATUS_CODE_UNSET',
  STATUS_CODE_OK: 'STATUS_CODE_OK',
  STATUS_CODE_ERROR: 'STATUS_CODE_ERROR',
  STATUS_CODE_UNSET: 'STATUS_CODE_UNSET',
}

/** Attributes are kept as JSON; what is none is a text. */
function unpacked(text: string): PythonValue {
  // MLflow takes an empty text for no value.
  if (text === '') return null
  try {
    return parsePythonJson(text)
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return text
    throw thrown
  }
}

const [LEAST, GREATEST] = [-(2n ** 63n), 2n ** 63n - 1n]

/** A value in OTLP's JSON. Throws INVALID_INPUT for a whole number that has no place in it. */
function anyValue(value: PythonValue): object {
  if (value === null) return {}
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'string') return { stringValue: value.toWellFormed() }
  if (value instanceof Map) return { kvlistValue: { values: [...value].map(keyValue) } }
  if (isList(value)) return { arrayValue: { values: value.map(anyValue) } }
  const digits = digitsOf(value) ?? 'NaN'
  if (/^-?\d+$/.test(digits)) {
    const whole = BigInt(digits)
    if (whole < LEAST || whole > GREATEST) throw bad(`${digits} has more than 64 bits`)
    return { intValue: digits }
  }
  return { doubleValue: Number.isFinite(Number(digits)) ? Number(digits) : digits }
}

function keyValue([key, value]: readonly [string, PythonValue]) {
  return { key: key.toWellFormed(), ...(value === null ? {} : { value: anyValue(value) }) }
}

function member(value: PythonValue | undefined, key: string): PythonValue | undefined {
  return value instanceof Map ? (value.get(key) ?? undefined) : undefined
}

function membersOf(value: PythonValue | undefined): readonly (readonly [string, PythonValue])[] {
  return value instanceof Map ? [...value] : []
}

function listOf(value: PythonValue | undefined): readonly PythonValue[] {
  return isList(value) ? value : []
}

function isList(value: PythonValue | undefined): value is readonly PythonValue[] {
  return Array.isArray(value)
}

function textOf(value: PythonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function digitsOf(value: PythonValue | undefined): string | undefined {
  return typeof value === 'object' && value !== null && 'digits' in value ? value.digits : undefined
}

/** An id in hexadecimal, as MLflow 2 and 3.5.0 wrote it, or in base64. Throws INVALID_INPUT. */
function hexOf(id: string, bytes: number): string {
  const plain = id.replace(/^0x/, '')
  if (/^[0-9a-f]+$/i.test(plain) && plain.length <= 2 * bytes && !id.endsWith('='))
    return plain.toLowerCase().padStart(2 * bytes, '0')
  const decoded = Buffer.from(id, 'base64')
  if (decoded.length !== bytes) throw bad(`${id} is no id of ${bytes} bytes`)
  return decoded.toString('hex')
}

function bad(reason: string): GyreError {
  return new GyreError('INVALID_INPUT', reason)
}
