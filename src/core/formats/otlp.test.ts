import { describe, expect, test } from 'vitest'
import { packExportJson, packExportResponse, plainValue, readSpan, unpackExport } from './otlp.ts'

const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'))

// Written by the Python package opentelemetry-proto 1.45.2, and told by protobuf 7.36.2 as JSON.
const SPAN = bytes(
  'ChAAAQIDBAUGBwgJCgsMDQ4PEggBAQEBAQEBARoDYT1iIggCAgICAgICAioMw5xuw68g5pel5pysMAM5Fc0lb6f8ehhB//////////9KBgoEbm9uZUoKCgR0ZXh0EgIKAEoJCgN5ZXMSAhAAShIKA2ludBILGICAgICAgICAgAFKEQoDbWF4EgoY//////////9/SgoKBHplcm8SAhgASg8KAi0wEgkhAAAAAAAAAIBKEAoDbmFuEgkhAAAAAAAA+H9KEAoDaW5mEgkhAAAAAAAA8P9KEgoFdGVudGgSCSGamZmZmZm5P0oNCgVieXRlcxIEOgIA/0oMCgNudWwSBQoDYQBiSgoKBGxpc3QSAioAShkKBGRlZXASETIPCg0KAWsSCCoGCgIYAQoAUAFaDAkFAAAAAAAAABIBZWohChADAwMDAwMDAwMDAwMDAwMDEggEBAQEBAQEBDUBAAAAegcSA2JhZBgChQEBAQAA',
)
const AS_JSON = String.raw`{"trace_id": "AAECAwQFBgcICQoLDA0ODw==", "span_id": "AQEBAQEBAQE=", "trace_state": "a=b", "parent_span_id": "AgICAgICAgI=", "name": "Ünï 日本", "kind": "SPAN_KIND_CLIENT", "start_time_unix_nano": "1764000000123456789", "end_time_unix_nano": "18446744073709551615", "attributes": [{"key": "none"}, {"key": "text", "value": {"string_value": ""}}, {"key": "yes", "value": {"bool_value": false}}, {"key": "int", "value": {"int_value": "-9223372036854775808"}}, {"key": "max", "value": {"int_value": "9223372036854775807"}}, {"key": "zero", "value": {"int_value": "0"}}, {"key": "-0", "value": {"double_value": -0.0}}, {"key": "nan", "value": {"double_value": "NaN"}}, {"key": "inf", "value": {"double_value": "-Infinity"}}, {"key": "tenth", "value": {"double_value": 0.1}}, {"key": "bytes", "value": {"bytes_value": "AP8="}}, {"key": "nul", "value": {"string_value": "a\u0000b"}}, {"key": "list", "value": {"array_value": {}}}, {"key": "deep", "value": {"kvlist_value": {"values": [{"key": "k", "value": {"array_value": {"values": [{"int_value": "1"}, {}]}}}]}}}], "dropped_attributes_count": 1, "events": [{"time_unix_nano": "5", "name": "e"}], "links": [{"trace_id": "AwMDAwMDAwMDAwMDAwMDAw==", "span_id": "BAQEBAQEBAQ=", "flags": 1}], "status": {"message": "bad", "code": "STATUS_CODE_ERROR"}, "flags": 257}`
/** Two spans, `one` and `two`, of the service `shop`; then an origin without spans. */
const EXPORT = bytes(
  'CmkKGAoWCgxzZXJ2aWNlLm5hbWUSBgoEc2hvcBJNCgUKA2xpYhIhChABAQEBAQEBAQEBAQEBAQEBEggCAgICAgICAioDb25lEiEKEAEBAQEBAQEBAQEBAQEBAQESCAMDAwMDAwMDKgN0d28KAA==',
)

/** JSON with its 64-bit integers, quoted or not, as bigint. */
function withInt64(json: string): unknown {
  const quoted = json.replaceAll(/:(-?\d{16,})/g, ':"$1"')
  return JSON.parse(quoted, (key, value: unknown) =>
    /^(int_value|\w*time_unix_nano)$/.test(key) ? BigInt(String(value)) : value,
  )
}

describe('bytes that are no OTLP are refused', () => {
  test.each<[string, () => unknown]>([
    ['a cut span', () => readSpan(SPAN.subarray(0, 100))],
    ['a name that is not UTF-8', () => readSpan(Uint8Array.of(0x2a, 1, 0xff))],
    ['a cut request', () => unpackExport(EXPORT.subarray(0, 50))],
    ['text', () => unpackExport(new TextEncoder().encode('nobody'))],
    ['a group of two gigabytes', () => unpackExport(Uint8Array.of(10, 255, 255, 255, 255, 7))],
    ['JSON of another shape', () => packExportJson({ resourceSpans: [{ scopeSpans: 3 }] })],
    ['JSON that is no object', () => packExportJson([])],
    ['a time that is no number', () => packExportJson(jsonSpan({ startTimeUnixNano: 'now' }))],
  ])('%s', (_what, act) => {
    expect(act).toThrowError(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test('values nested deeper than protobuf allows', () => {
    let value: Uint8Array = Uint8Array.of()
    for (let i = 0; i < 200; i++) value = lengthPrefixed(10, lengthPrefixed(42, value))
    const span = lengthPrefixed(74, lengthPrefixed(18, value))
    expect(() => readSpan(span)).toThrowError(/this is no OTLP/)
  })
})

test('a span is told exactly: 64-bit integers, −0, NaN, empty values, bytes, ids', () => {
  const { json, ...head } = readSpan(SPAN)
  expect(withInt64(json)).toEqual(withInt64(AS_JSON))
  expect(json).toContain('"end_time_unix_nano":18446744073709551615')
  expect(head).toMatchObject({
    traceId: '000102030405060708090a0b0c0d0e0f',
    spanId: '01'.repeat(8),
    parentId: '02'.repeat(8),
    name: 'Ünï 日本',
    startNs: 1_764_000_000_123_456_789n,
    endNs: 2n ** 64n - 1n,
    status: 'ERROR',
  })
  const values = head.attributes.map(({ key, value }) => [key, plainValue(value)])
  expect(Object.fromEntries(values)).toEqual({
    none: undefined,
    text: '',
    yes: false,
    int: -(2n ** 63n),
    max: 2n ** 63n - 1n,
    zero: 0n,
    '-0': -0,
    nan: 'NaN',
    inf: '-Infinity',
    tenth: 0.1,
    bytes: 'AP8=',
    nul: 'a\0b',
    list: [],
    deep: { k: [1n, undefined] },
  })
})

test('a request is taken apart without reading its spans', () => {
  const [shop, empty] = unpackExport(EXPORT)
  expect(shop?.resource.map(({ key, value }) => [key, plainValue(value)])).toEqual([
    ['service.name', 'shop'],
  ])
  expect(shop?.spans.map((span) => readSpan(span).name)).toEqual(['one', 'two'])
  expect(empty).toEqual({ resource: [], spans: [] })
  expect(unpackExport(new Uint8Array())).toEqual([])
})

test('JSON has its ids in hexadecimal, its integers quoted or not, and unknown members', () => {
  const [origin] = unpackExport(
    packExportJson(
      jsonSpan({
        traceId: '0A'.repeat(16),
        spanId: '0b'.repeat(8),
        kind: 2,
        startTimeUnixNano: '1764000000123456789',
        attributes: [
          { key: 'i', value: { intValue: '9223372036854775807' } },
          { key: 'j', value: { intValue: 5 } },
        ],
        links: [{ traceId: '0c'.repeat(16), spanId: '0d'.repeat(8) }],
        status: { code: 1 },
        unknown: { spanId: 3 },
      }),
    ),
  )
  const [span] = origin?.spans.map(readSpan) ?? []
  expect(span).toMatchObject({ traceId: '0a'.repeat(16), spanId: '0b'.repeat(8), status: 'OK' })
  expect(span?.attributes.map(({ value }) => plainValue(value))).toEqual([2n ** 63n - 1n, 5n])
  expect(span?.json).toContain(Buffer.from('0c'.repeat(16), 'hex').toString('base64'))
})

test('what was rejected is told, and nothing where nothing was', () => {
  expect(packExportResponse(0, '')).toEqual(Buffer.of())
  expect(Buffer.from(packExportResponse(2, 'why')).toString('base64')).toBe('CgcIAhIDd2h5')
})

function jsonSpan(span: object): object {
  return { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }
}

function lengthPrefixed(tag: number, content: Uint8Array): Uint8Array {
  const length = [(content.length & 127) | 128, content.length >> 7]
  return Uint8Array.of(tag, ...length, ...content)
}
