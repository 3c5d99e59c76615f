import protojson from 'protobufjs/ext/protojson.js'
import { z } from 'zod'
import { GyreError } from '../errors.ts'
import { exactJson } from '../exact-json.ts'
import { decodeJsonTexts } from './otlp-json-text.ts'
import {
  ExportRequest,
  ExportResponse,
  PackedExportRequest,
  RpcStatus,
  Span,
} from './otlp-proto.ts'

/** Spans of one origin, each still as the bytes of its message. */
export interface PackedSpans {
  /** Of what made them: `service.name` and so on. */
  readonly resource: readonly Attribute[]
  readonly spans: readonly Uint8Array[]
}

/** What `plainValue` reads the value of. */
export interface Attribute {
  readonly key: string
  readonly value?: unknown
}

/** A span: what is asked about it, and all of it. */
export interface OtlpSpan {
  /** In hexadecimal, as every id here; 32 and 16 digits unless the span is faulty. */
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  /** Nanoseconds since 1970, unsigned; 0 is not told. */
  readonly startNs: bigint
  readonly endNs: bigint
  readonly status: 'UNSET' | 'OK' | 'ERROR'
  /** As they were sent. */
  readonly attributes: readonly Attribute[]
  /**
   * Protobuf's JSON with the names of the fields as they are, ids as base64, 64-bit integers without quotes; texts
   * among its attributes that are JSON are read (`otlp-json-text.ts`).
   */
  readonly json: string
}

const Attribute = z.object({ key: z.string().default(''), value: z.unknown().optional() })

const Attributes = z.array(Attribute).default([])

/** At most one member is there. */
const AnyValue = z.object({
  string_value: z.string().optional(),
  bool_value: z.boolean().optional(),
  int_value: z.bigint().optional(),
  double_value: z.union([z.number(), z.string()]).optional(),
  /** base64 */
  bytes_value: z.string().optional(),
  array_value: z.object({ values: z.array(z.unknown()).default([]) }).optional(),
  kvlist_value: z.object({ values: Attributes }).optional(),
})

const Packed = z.object({
  resource_spans: z
    .array(
      z.object({
        resource: z.object({ attributes: Attributes }).optional(),
        scope_spans: z
          .array(z.object({ spans: z.array(z.instanceof(Uint8Array)).default([]) }))
          .default([]),
      }),
    )
    .default([]),
})

const Time = z.bigint().default(0n)

const Base64 = z
  .string()
  .default('')
  .transform((text) => Buffer.from(text, 'base64').toString('hex'))

const Decoded = z.object({
  trace_id: Base64,
  span_id: Base64,
  parent_span_id: Base64,
  name: z.string().default(''),
  start_time_unix_nano: Time,
  end_time_unix_nano: Time,
  attributes: Attributes,
  status: z.object({ code: z.union([z.string(), z.number()]).optional() }).optional(),
})

/** Longs as bigint, enumerations by name, NaN as text; bytes stay bytes. */
const EXACT = { longs: BigInt, enums: String, json: true }

/** The spans of a request of an exporter. Throws INVALID_ARGUMENT for bytes that are none. O(bytes). */
export function unpackExport(bytes: Uint8Array): readonly PackedSpans[] {
  const request = Packed.parse(
    reading(() => PackedExportRequest.toObject(PackedExportRequest.decode(bytes), EXACT)),
  )
  return request.resource_spans.map(({ resource, scope_spans }) => ({
    resource: resource?.attributes ?? [],
    spans: scope_spans.flatMap(({ spans }) => spans),
  }))
}

/** A request in OTLP's JSON, as protobuf. Members it does not know are left out. Throws INVALID_ARGUMENT. */
export function packExportJson(body: unknown): Uint8Array {
  return reading(() =>
    ExportRequest.encode(
      protojson.fromJson(ExportRequest, withBase64Ids(body), { ignoreUnknownFields: true }),
    ).finish(),
  )
}

/** Throws INVALID_ARGUMENT for bytes that are no span. */
export function readSpan(bytes: Uint8Array): OtlpSpan {
  const object = reading(() => Span.toObject(Span.decode(bytes), { ...EXACT, bytes: String }))
  const span = Decoded.parse(object)
  return {
    traceId: span.trace_id,
    spanId: span.span_id,
    parentId: span.parent_span_id || undefined,
    name: span.name,
    startNs: span.start_time_unix_nano,
    endNs: span.end_time_unix_nano,
    status: STATUSES[String(span.status?.code)] ?? 'UNSET',
    attributes: span.attributes,
    json: exactJson(
      span.attributes.length === 0
        ? object
        : { ...object, attributes: decodeJsonTexts(span.attributes) },
    ),
  }
}

const STATUSES: Readonly<Record<string, OtlpSpan['status']>> = {
  STATUS_CODE_OK: 'OK',
  STATUS_CODE_ERROR: 'ERROR',
}

/** What OTLP answers with; how many spans were not taken, and why. */
export function packExportResponse(rejected: number, message: string): Uint8Array {
  const partial_success = { rejected_spans: rejected, error_message: message }
  return ExportResponse.encode(rejected === 0 ? {} : { partial_success }).finish()
}

/** An error as OTLP tells it; `code` is one of gRPC's. */
export function packRpcStatus(code: number, message: string): Uint8Array {
  return RpcStatus.encode({ code, message }).finish()
}

/** The value of an attribute without its type: text, number, boolean, list or object; undefined where there is none. */
export function plainValue(value: unknown): unknown {
  const { array_value: list, kvlist_value: object, ...scalar } = AnyValue.parse(value ?? {})
  if (list) return list.values.map(plainValue)
  if (object)
    return Object.fromEntries(
      object.values.map(({ key, value: inner }) => [key, plainValue(inner)]),
    )
  return Object.values(scalar)[0]
}

const ID_MEMBERS = new Set(['traceId', 'spanId', 'parentSpanId'])

/** OTLP's JSON writes ids in hexadecimal, where protobuf's own would have base64. */
function withBase64Ids(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withBase64Ids)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => [
      key,
      ID_MEMBERS.has(key) && typeof inner === 'string'
        ? Buffer.from(inner, 'hex').toString('base64')
        : withBase64Ids(inner),
    ]),
  )
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new GyreError(
      'INVALID_ARGUMENT',
      `body: this is no OTLP (${reason})`,
      { field: 'body' },
      cause,
    )
  }
}
