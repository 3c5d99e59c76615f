import { expect, test } from 'vitest'
import { readSpan, unpackExport, type OtlpSpan } from '../../core/formats/otlp.ts'
import { parsePythonJson } from '../../core/formats/python-json.ts'
import { packSpan } from './mlflow-span.ts'

const TRACE = 'tr-1f192a41b561fb940ac3adc767e21faa'

function pack(json: string, trace = TRACE): OtlpSpan {
  const bytes = packSpan(trace, parsePythonJson(json))
  const [one] = unpackExport(bytes).flatMap(({ spans }) => spans)
  if (!one) throw new Error('no span')
  return readSpan(one)
}

/** As MLflow 3.17 keeps one. */
const SPAN =
  '"trace_id": "HxkqQbVh+5QKw63HZ+Ifqg==", "span_id": "4/e/4kvNRTA=", "parent_span_id": null, "name": "ask",' +
  ' "start_time_unix_nano": 1795295324852633795, "end_time_unix_nano": 1795295324852864545'

test('a span that OTLP has no place for is refused, and why is said', () => {
  const cases: [string, RegExp, string?][] = [
    ['{}', /name: /],
    ['[]', /name: /],
    ['{"name": "ask"}', /start: /],
    [
      `{${SPAN}, "attributes": {"n": "9223372036854775808"}}`,
      /9223372036854775808 has more than 64/,
    ],
    [`{${SPAN.replace('4/e/4kvNRTA=', '4/e')}}`, /4\/e is no id of 8 bytes/],
    [`{${SPAN}}`, /its trace has no id of OpenTelemetry/, 'tr-1'],
  ]
  for (const [json, reason, trace] of cases) expect(() => pack(json, trace)).toThrow(reason)
})

test('attributes are what their JSON says, and what is no JSON is a text', () => {
  const span = pack(
    `{${SPAN}, "attributes": {"int": "-9223372036854775808", "float": "1.0", "zero": "-0.0", "nan": "NaN",` +
      ` "text": "\\"a\\"", "bare": "a b", "empty": "", "list": "[1, null, {\\"k\\": true}]", "raw": 7}}`,
  )
  // What the Python client sends for them (`Span.to_otel_proto`), as protobuf's JSON.
  expect(span.json).toContain(
    '"attributes":[{"key":"int","value":{"int_value":-9223372036854775808}},' +
      '{"key":"float","value":{"double_value":1}},{"key":"zero","value":{"double_value":-0.0}},' +
      '{"key":"nan","value":{"double_value":"NaN"}},{"key":"text","value":{"string_value":"a"}},' +
      '{"key":"bare","value":{"string_value":"a b"}},{"key":"empty"},' +
      '{"key":"list","value":{"array_value":{"values":[{"int_value":1},{},' +
      '{"kvlist_value":{"values":[{"key":"k","value":{"bool_value":true}}]}}]}}},' +
      '{"key":"raw","value":{"int_value":7}}]',
  )
})

test('spans as MLflow 2 and 3.5.0 wrote them read as those of today', () => {
  const today = pack(
    `{${SPAN}, "status": {"code": "STATUS_CODE_ERROR", "message": "late"}, "attributes": {"k": "1"},` +
      ' "events": [{"name": "e", "time_unix_nano": 1795295324852633799, "attributes": {"n": 1}}]}',
  )
  const two = pack(
    '{"name": "ask", "context": {"trace_id": "0xabc", "span_id": "0xe3f7bfe24bcd4530"}, "parent_id": null,' +
      ' "start_time": 1795295324852633795, "end_time": 1795295324852864545, "status_code": "ERROR",' +
      ' "status_message": "late", "attributes": {"k": "1"},' +
      ' "events": [{"name": "e", "timestamp": 1795295324852633799, "attributes": {"n": 1}}]}',
  )
  const between = pack(
    `{"trace_id": "${TRACE}", "span_id": "e3f7bfe24bcd4530", "parent_span_id": null, "name": "ask",` +
      ' "start_time_unix_nano": 1795295324852633795, "end_time_unix_nano": 1795295324852864545,' +
      ' "status": {"code": "ERROR", "message": "late"}, "attributes": {"k": "1"},' +
      ' "events": [{"name": "e", "time_unix_nano": 1795295324852633799, "attributes": {"n": 1}}]}',
  )
  expect(today).toMatchObject({
    traceId: TRACE.slice(3),
    spanId: 'e3f7bfe24bcd4530',
    status: 'ERROR',
    startNs: 1_795_295_324_852_633_795n,
  })
  expect(two).toEqual(today)
  expect(between).toEqual(today)
})
