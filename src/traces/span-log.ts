import { exactJson, isJson } from '../core/exact-json.ts'
import { plainValue, type Attribute, type OtlpSpan } from '../core/formats/otlp.ts'
import { unquoted } from '../core/formats/otlp-json-text.ts'
import { groupBy } from '../core/group.ts'
import { assertKey } from '../core/label-key.ts'
import type { SpanCells, TraceOfSpans } from '../store/trace-spans.ts'
import {
  ARTIFACTS_TAG,
  IN_STORE,
  isReserved,
  keptMetadata,
  keptTag,
  SESSION_KEY,
  SPANS_TAG,
  USER_KEY,
} from './trace-label.ts'

/** Spans that one process sent, and what it says of itself. */
export interface SpansOfOrigin {
  readonly resource: readonly Attribute[]
  readonly spans: readonly OtlpSpan[]
}

interface SpanOfOrigin extends OtlpSpan {
  readonly resource: readonly Attribute[]
}

/** As long as MLflow's client makes them, in characters. */
const MAX_PREVIEW = 1_000

const MAX_NS = 2n ** 63n

const NS_PER_MS = 1_000_000n

/** Why a span cannot be kept; undefined for one that can. */
export function faultOf({ traceId, spanId, startNs, endNs }: OtlpSpan): string | undefined {
  if (!/^(?!0+$)[0-9a-f]{32}$/.test(traceId)) return 'trace_id: expected 16 bytes, not all zero'
  if (!/^(?!0+$)[0-9a-f]{16}$/.test(spanId)) return 'span_id: expected 8 bytes, not all zero'
  if (startNs >= MAX_NS || endNs >= MAX_NS) return 'time_unix_nano: expected a time before 2262'
  return undefined
}

/** MLflow's name of a trace. */
function traceIdOf({ traceId }: OtlpSpan): string {
  return `tr-${traceId}`
}

/**
 * The traces that sound spans belong to, with what those tell of them: times, state, previews, tags. `location` is
 * where artifacts of a trace would be, `run` what traces are linked to whose root is among the spans.
 */
export function tracesOf(
  origins: readonly SpansOfOrigin[],
  location: (trace: string) => string,
  run: string | undefined,
): TraceOfSpans[] {
  const all = origins.flatMap(({ resource, spans }) =>
    spans.map((span): SpanOfOrigin => ({ ...span, resource })),
  )
  return [...groupBy(all, traceIdOf)].map(([id, spans]) => {
    const root = spans.find(({ parentId }) => parentId === undefined)
    const ends = spans.map(({ endNs }) => endNs).filter((ns) => ns > 0n)
    return {
      id,
      startMs: toMs(least(spans.map(({ startNs }) => startNs))),
      endMs: ends.length === 0 ? undefined : toMs(greatest(ends)),
      state: stateOf(root),
      requestPreview: previewOf(root, 'mlflow.spanInputs'),
      responsePreview: previewOf(root, 'mlflow.spanOutputs'),
      tags: [...resourceTags(spans), ...rootTags(root), [SPANS_TAG, IN_STORE]],
      tagDefaults: [[ARTIFACTS_TAG, location(id)]],
      metadataDefaults: [
        ...firstOf(spans, SESSION_KEY, ['session.id', 'gen_ai.conversation.id']),
        ...firstOf(spans, USER_KEY, ['user.id']),
      ],
      spans: spans.map(cellsOf),
      run: root && run,
    }
  })
}

function toMs(ns: bigint): number {
  return Number(ns / NS_PER_MS)
}

function least(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (b < a ? b : a))
}

function greatest(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (b > a ? b : a))
}

function stateOf(root: OtlpSpan | undefined): TraceOfSpans['state'] {
  if (!root) return 'IN_PROGRESS'
  return root.status === 'ERROR' ? 'ERROR' : 'OK'
}

/** A span as its row. */
export function cellsOf(span: OtlpSpan): SpanCells {
  const { spanId, parentId, name, status, startNs, json } = span
  const type = textOf(span, 'mlflow.spanType')
  return {
    id: spanId,
    parent: parentId,
    name: whole(name),
    type: type === undefined ? undefined : whole(type),
    status,
    startNs,
    content: json,
  }
}

/** Of an attribute as MLflow shows it: JSON, cut off. */
function previewOf(root: OtlpSpan | undefined, key: string): string | undefined {
  const value = root && valueOf(root, key)
  if (value === undefined) return undefined
  const text = typeof value === 'string' && isJson(value) ? value : exactJson(value)
  const characters = text.length <= MAX_PREVIEW ? [] : Array.from(text)
  if (characters.length <= MAX_PREVIEW) return whole(text)
  return whole(`${characters.slice(0, MAX_PREVIEW - 3).join('')}...`)
}

/** What the process says of itself, but for what OpenTelemetry says of its own library. */
function resourceTags(spans: readonly SpanOfOrigin[]): (readonly [string, string])[] {
  const resource = spans.find((span) => span.resource.length > 0)?.resource ?? []
  return resource
    .filter(({ key }) => !key.startsWith('telemetry.sdk.') && !key.startsWith('mlflow.'))
    .flatMap(({ key, value }) => tagOf(key, plainValue(value)))
}

const TAG_PREFIX = 'mlflow.traceTag.'

/** Tags that the client could only send along with the root. */
function rootTags(root: OtlpSpan | undefined): (readonly [string, string])[] {
  return (root?.attributes ?? [])
    .filter(({ key }) => key.startsWith(TAG_PREFIX) && !isReserved(key.slice(TAG_PREFIX.length)))
    .flatMap(({ key, value }) => tagOf(key.slice(TAG_PREFIX.length), plainValue(value)))
}

/** Nothing where the key is no tag's: spans are not refused for what is only said beside them. */
function tagOf(key: string, value: unknown): (readonly [string, string])[] {
  if (value === undefined || !isKey(key)) return []
  return [keptTag(key, whole(typeof value === 'string' ? unquoted(value) : exactJson(value)))]
}

function isKey(key: string): boolean {
  try {
    assertKey(key, 'key')
    return true
  } catch {
    return false
  }
}

/** The first of the attributes that any of the spans has, as metadata. */
function firstOf(
  spans: readonly OtlpSpan[],
  key: string,
  attributes: readonly string[],
): (readonly [string, string])[] {
  for (const span of spans)
    for (const attribute of attributes) {
      const text = textOf(span, attribute)
      if (text) return [keptMetadata(key, whole(text))]
    }
  return []
}

function textOf(span: OtlpSpan, key: string): string | undefined {
  const value = valueOf(span, key)
  if (value === undefined) return undefined
  return typeof value === 'string' ? unquoted(value) : exactJson(value)
}

function valueOf({ attributes }: OtlpSpan, key: string): unknown {
  const found = attributes.find((attribute) => attribute.key === key)
  return found && plainValue(found.value)
}

/** SQLite's functions end a text at its first NUL; the span itself keeps it. */
function whole(text: string): string {
  return text.replaceAll('\0', '\uFFFD')
}
