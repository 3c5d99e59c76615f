import { INVALID, MISSING, REFUSED, type Difference } from '../difference.ts'

export const traces: readonly Difference[] = [
  {
    why: 'What the client sends reads back as it was. MLflow reads any text that is JSON, and stores bytes as the text Python prints of them.',
    gyre: {
      'JSON as text': '{"a": 1}',
      'bytes of an event': { bytes: { bytes: '00ff' } },
      'kept: what is lost': { spans: 1, 'by get_trace': [], 'by search_traces': [[]] },
    },
  },
  {
    why: 'What is not there is missing. MLflow lets its database refuse the tag.',
    gyre: { 'tag a trace that is not there': MISSING },
  },
  {
    why: 'The attributes of a trace have the same names with and without a prefix, in filters and orders.',
    gyre: { "search text LIKE '%ALPHA%'": '', "order by ['end_time']": 'AEBCD' },
  },
  {
    why: "A number is equal however it is written; MLflow compares the text Python prints of it, '1.0'.",
    gyre: { "search feedback.score = '1'": 'A' },
  },
  {
    why: 'A text attribute of a span is found by its text; MLflow looks for it among its own JSON and finds nothing.',
    gyre: { "search span.attributes.model = 'gpt'": 'C' },
  },
  {
    why: 'A span is found by its type, though an exporter wrote it as JSON; MLflow keeps the quotes.',
    gyre: { 'otlp of texts with JSON: by its type': ['<trace 20>'] },
  },
  {
    why: 'An issue has no such field. MLflow means to refuse it, too, and finds nothing.',
    gyre: { "search issue.name = 'x'": INVALID },
  },
  {
    why: 'MLflow takes what it cannot read for what was not said, and changes the trace to that.',
    gyre: {
      'raw start of a state that is none': REFUSED,
      'raw start at a time that is none': REFUSED,
      'raw assessment with a value that is none': REFUSED,
    },
  },
  {
    why: 'Where the spans are is for the server to know: those that have not come are missing, and those that have are given.',
    gyre: {
      'raw get of one without spans': { status: 404, ...MISSING },
      'raw get of one without spans, in part': 200,
    },
  },
]
