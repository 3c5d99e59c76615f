import protobuf from 'protobufjs/light.js'

type Fields = Readonly<Record<string, protobuf.IField>>

/**
 * OpenTelemetry's protocol for traces. Field numbers and names: github.com/open-telemetry/opentelemetry-proto 1.x
 * and, of `RpcStatus`, google/rpc/status.proto.
 */
const MESSAGES: Readonly<Record<string, Fields>> = {
  ExportRequest: { resource_spans: many(1, 'ResourceSpans') },
  ResourceSpans: {
    resource: one(1, 'Resource'),
    scope_spans: many(2, 'ScopeSpans'),
    schema_url: one(3, 'string'),
  },
  Resource: { attributes: many(1, 'KeyValue'), dropped_attributes_count: one(2, 'uint32') },
  ScopeSpans: { scope: one(1, 'Scope'), spans: many(2, 'Span'), schema_url: one(3, 'string') },
  Scope: {
    name: one(1, 'string'),
    version: one(2, 'string'),
    attributes: many(3, 'KeyValue'),
    dropped_attributes_count: one(4, 'uint32'),
  },
  Span: {
    trace_id: one(1, 'bytes'),
    span_id: one(2, 'bytes'),
    trace_state: one(3, 'string'),
    parent_span_id: one(4, 'bytes'),
    flags: one(16, 'fixed32'),
    name: one(5, 'string'),
    kind: one(6, 'SpanKind'),
    start_time_unix_nano: one(7, 'fixed64'),
    end_time_unix_nano: one(8, 'fixed64'),
    attributes: many(9, 'KeyValue'),
    dropped_attributes_count: one(10, 'uint32'),
    events: many(11, 'Event'),
    dropped_events_count: one(12, 'uint32'),
    links: many(13, 'Link'),
    dropped_links_count: one(14, 'uint32'),
    status: one(15, 'Status'),
  },
  Event: {
    time_unix_nano: one(1, 'fixed64'),
    name: one(2, 'string'),
    attributes: many(3, 'KeyValue'),
    dropped_attributes_count: one(4, 'uint32'),
  },
  Link: {
    trace_id: one(1, 'bytes'),
    span_id: one(2, 'bytes'),
    trace_state: one(3, 'string'),
    attributes: many(4, 'KeyValue'),
    dropped_attributes_count: one(5, 'uint32'),
    flags: one(6, 'fixed32'),
  },
  Status: { message: one(2, 'string'), code: one(3, 'StatusCode') },
  KeyValue: { key: one(1, 'string'), value: one(2, 'AnyValue') },
  AnyValue: {
    string_value: one(1, 'string'),
    bool_value: one(2, 'bool'),
    int_value: one(3, 'int64'),
    double_value: one(4, 'double'),
    array_value: one(5, 'ArrayValue'),
    kvlist_value: one(6, 'KeyValueList'),
    bytes_value: one(7, 'bytes'),
  },
  ArrayValue: { values: many(1, 'AnyValue') },
  KeyValueList: { values: many(1, 'KeyValue') },
  ExportResponse: { partial_success: one(1, 'PartialSuccess') },
  PartialSuccess: { rejected_spans: one(1, 'int64'), error_message: one(2, 'string') },
  RpcStatus: { code: one(1, 'int32'), message: one(2, 'string') },
}

const ENUMS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  SpanKind: {
    SPAN_KIND_UNSPECIFIED: 0,
    SPAN_KIND_INTERNAL: 1,
    SPAN_KIND_SERVER: 2,
    SPAN_KIND_CLIENT: 3,
    SPAN_KIND_PRODUCER: 4,
    SPAN_KIND_CONSUMER: 5,
  },
  StatusCode: { STATUS_CODE_UNSET: 0, STATUS_CODE_OK: 1, STATUS_CODE_ERROR: 2 },
}

/** Of these one field at most is there, and it is there with its default too. */
const ONEOFS: Readonly<Record<string, string>> = { AnyValue: 'value' }

const OTLP = rootOf(MESSAGES)

/** A request of the trace exporter. */
export const ExportRequest = OTLP.lookupType('ExportRequest')

/** The same request with its spans left as bytes, to be read one by one. */
export const PackedExportRequest = rootOf({
  ...MESSAGES,
  ScopeSpans: { ...MESSAGES['ScopeSpans'], spans: many(2, 'bytes') },
}).lookupType('ExportRequest')

export const Span = OTLP.lookupType('Span')
export const ExportResponse = OTLP.lookupType('ExportResponse')
export const RpcStatus = OTLP.lookupType('RpcStatus')

function rootOf(messages: Readonly<Record<string, Fields>>): protobuf.Root {
  const types = Object.entries(messages).map(([name, fields]) => {
    const oneof = ONEOFS[name]
    const oneofs =
      oneof === undefined ? {} : { oneofs: { [oneof]: { oneof: Object.keys(fields) } } }
    return [name, { fields: { ...fields }, ...oneofs }]
  })
  const enums = Object.entries(ENUMS).map(([name, values]) => [name, { values: { ...values } }])
  return protobuf.Root.fromJSON({ nested: Object.fromEntries([...types, ...enums]) })
}

function one(id: number, type: string): protobuf.IField {
  return { id, type }
}

function many(id: number, type: string): protobuf.IField {
  return { id, type, rule: 'repeated' }
}
