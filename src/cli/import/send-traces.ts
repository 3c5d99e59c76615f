import type { GyreClient } from '@gyre/sdk/client'
import { ImportedTraces, type ImportedTrace, type ImportTrace } from '@gyre/sdk/wire/import'
import { bytesOfJson, chunksOf, inLots, LOT_BYTES } from './lots.ts'
import { sendFiles } from './send-files.ts'
import { settle, settleAll } from './settle.ts'
import type { Source, SourceTrace } from './source.ts'
import type { Tally } from './tally.ts'

const PARTS = ['metadata', 'tags', 'assessments', 'links', 'spans'] as const

/** What the report calls the parts of traces. */
const KINDS = {
  metadata: 'trace metadata',
  tags: 'trace tags',
  assessments: 'assessments',
  links: 'trace links',
  spans: 'spans',
} as const

/** Sends traces with all that belongs to them. */
export async function sendTraces(client: GyreClient, tally: Tally, source: Source): Promise<void> {
  const fitting = withoutGiants(tally, source.traces())
  for await (const lot of inLots(fitting, ({ trace }) => bytesOfJson(trace))) {
    const replies = await sendLot(client, lot)
    for (const [i, { trace, files }] of lot.entries())
      if (putDown(tally, trace, replies[i]))
        await sendFiles(client, tally, { kind: 'trace', id: trace.id }, files())
      else
        for await (const _ of files()) {
          tally.find('files')
          tally.drop('files', 1)
        }
  }
}

/** A part that no request could carry is refused alone. */
async function* withoutGiants(
  tally: Tally,
  traces: AsyncIterable<SourceTrace>,
): AsyncGenerator<SourceTrace> {
  for await (const { trace, files } of traces) {
    const fitting = <T>(part: keyof typeof KINDS, items: readonly T[]): T[] =>
      items.filter((item) => {
        const isFitting = bytesOfJson(item) <= LOT_BYTES
        if (!isFitting)
          tally.miss(KINDS[part], `${KINDS[part]} of trace ${trace.id}`, 'it is larger than a request') // prettier-ignore
        return isFitting
      })
    const assessments = fitting('assessments', trace.assessments)
    yield { files, trace: { ...trace, assessments, spans: fitting('spans', trace.spans) } }
  }
}

async function sendLot(
  client: GyreClient,
  lot: readonly SourceTrace[],
): Promise<readonly (ImportedTrace | undefined)[]> {
  const [only] = lot
  if (lot.length > 1 || !only) return post(client, lot.map(({ trace }) => trace)) // prettier-ignore
  let whole: ImportedTrace | undefined
  for (const slice of slicesOf(only.trace)) {
    const [reply] = await post(client, [slice])
    if (!reply || typeof reply.outcome === 'object') return [reply]
    whole = {
      outcome: whole?.outcome ?? reply.outcome,
      metadata: [...(whole?.metadata ?? []), ...reply.metadata],
      tags: [...(whole?.tags ?? []), ...reply.tags],
      assessments: [...(whole?.assessments ?? []), ...reply.assessments],
      links: [...(whole?.links ?? []), ...reply.links],
      spans: [...(whole?.spans ?? []), ...reply.spans],
    }
  }
  return [whole]
}

async function post(client: GyreClient, traces: readonly ImportTrace[]) {
  return (await client.post('/api/v1/import/traces', { traces }, ImportedTraces)).traces
}

/** The trace again and again, each time with other parts, in their order. */
function* slicesOf(trace: ImportTrace): Generator<ImportTrace> {
  if (bytesOfJson(trace) <= LOT_BYTES) return yield trace
  const head = { ...trace, metadata: [], tags: [], assessments: [], links: [], spans: [] }
  for (const part of PARTS)
    for (const some of chunksOf<unknown>(trace[part])) yield { ...head, [part]: some }
}

/** Puts down that a trace was found, with its parts. */
export function countTrace(tally: Tally, trace: ImportTrace): void {
  tally.find('traces')
  for (const part of PARTS) tally.find(KINDS[part], trace[part].length)
}

function putDown(tally: Tally, trace: ImportTrace, reply: ImportedTrace | undefined): boolean {
  countTrace(tally, trace)
  const isHere = settle(tally, 'traces', `trace ${trace.id}`, reply?.outcome)
  for (const part of PARTS) {
    const items: readonly object[] | readonly string[] = trace[part]
    const whatOf = (item: object | string) => `${nameOf(item)} of trace ${trace.id}`
    if (isHere) settleAll<object | string>(tally, KINDS[part], items, reply?.[part] ?? [], whatOf)
    else tally.drop(KINDS[part], items.length)
  }
  return isHere
}

function nameOf(item: object | string): string {
  if (typeof item === 'string') return 'a span'
  const [name] = ['key', 'name', 'to'].flatMap((member) => {
    const value: unknown = Reflect.get(item, member)
    return typeof value === 'string' ? [value] : []
  })
  return name ?? ''
}
