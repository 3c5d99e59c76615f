import { fakeClock, type FakeClock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import { readSpan, packExportJson, unpackExport, type OtlpSpan } from '../core/formats/otlp.ts'
import { openTempStore, type TempStore } from '../store/fixture.ts'
import type { NewTrace } from './trace-start.ts'
import { createTraces, type Traces } from './traces.ts'

export const ctx = { project: 'default', actor: 'ann', requestId: 'req_1' }

export interface Journal extends AsyncDisposable {
  readonly store: TempStore
  readonly clock: FakeClock
  readonly traces: Traces
  /** Traces whose artifacts were forgotten. */
  readonly forgotten: readonly string[]
}

/** A traces room over a real store; of the experiments 0 to 9 the last is deleted. */
export async function openJournal(): Promise<Journal> {
  const store = await openTempStore()
  const clock = fakeClock()
  const forgotten: string[] = []
  const traces = createTraces({
    ...store,
    clock,
    patienceMs: 50,
    location: (experiment, trace) => `mlflow-artifacts:/${experiment}/traces/${trace}/artifacts`,
    async assertExperiment(_ctx, number) {
      if (number > 9) throw new GyreError('NOT_FOUND', `No Experiment with id=${number} exists`)
      if (number === 9) throw new GyreError('CONFLICT', 'experiment 9 is deleted')
    },
    async experimentNamed(_ctx, name) {
      const [, number] = /^experiment (\d)$/.exec(name) ?? []
      if (number === undefined) throw new GyreError('NOT_FOUND', `no experiment is named ${name}`)
      return Number(number)
    },
    async forgetArtifacts(_tx, _ctx, ids) {
      forgotten.push(...ids)
    },
  })
  return {
    store,
    clock,
    traces,
    forgotten,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** 2025-11-24T16:00:00.123Z, with nanoseconds that no double holds. */
export const START = 1_764_000_000_123_456_789n

export interface SampleSpan {
  readonly trace?: string
  readonly id?: string
  readonly parent?: string
  readonly name?: string
  /** Nanoseconds after `START`. */
  readonly at?: bigint
  readonly ns?: bigint
  readonly code?: number
  /** Values as OTLP's JSON has them, or texts. */
  readonly attributes?: Readonly<Record<string, object | string>>
}

/** A span as it comes over the wire; ids are one byte, repeated. */
export function span(sample: SampleSpan = {}): OtlpSpan {
  const [packed] = unpackExport(exportOf(sample)).flatMap(({ spans }) => spans)
  if (!packed) throw new Error('a request lost its span')
  return readSpan(packed)
}

/** A request of an exporter with one span in it. */
export function exportOf(sample: SampleSpan = {}): Uint8Array {
  const { trace = '01', id = '02', parent, name = 'ask', at = 0n, ns = 3_000_000n, code } = sample
  const attributes = Object.entries(sample.attributes ?? {}).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : value,
  }))
  const json = {
    traceId: trace.repeat(16),
    spanId: id.repeat(8),
    ...(parent === undefined ? {} : { parentSpanId: parent.repeat(8) }),
    name,
    startTimeUnixNano: String(START + at),
    endTimeUnixNano: String(START + at + ns),
    attributes,
    ...(code === undefined ? {} : { status: { code } }),
  }
  return packExportJson({ resourceSpans: [{ scopeSpans: [{ spans: [json] }] }] })
}

/** The id of the trace that `span` is of. */
export function traceId(byte = '01'): string {
  return `tr-${byte.repeat(16)}`
}

/** A trace as a client tells of it. */
export function told(sample: Partial<NewTrace> = {}): NewTrace {
  return {
    id: traceId(),
    experiment: 1,
    startMs: 1_764_000_000_123,
    durationMs: 3,
    state: 'OK',
    requestPreview: undefined,
    responsePreview: undefined,
    clientRequestId: undefined,
    metadata: {},
    tags: {},
    assessments: [],
    ...sample,
  }
}
