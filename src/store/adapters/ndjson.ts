import { isDeepStrictEqual } from 'node:util'
import { Name } from '@gyre/sdk/wire/ref'
import { GyreError } from '../../core/errors.ts'
import type { Analytics } from '../analytics.ts'
import type { Rows, StreamOptions } from '../rows.ts'
import { createFileLeases } from './file-leases.ts'
import { createGate, holdRows } from './row-hold.ts'
import { createRowStream, type ManagedStream } from './row-stream.ts'
import { createSegments, type Segment, type SegmentsDeps } from './segments.ts'

export interface NdjsonDeps extends SegmentsDeps {
  readonly analytics: Analytics
}

/** Rows as NDJSON segments on this machine's disk that become Parquet. Opening repairs what a crash left. */
export async function openNdjson(deps: NdjsonDeps): Promise<Rows> {
  const segments = createSegments(deps)
  const recovered = await segments.recover()
  const streams = new Map<string, ManagedStream>()
  const leases = createFileLeases((path) => deps.files.remove(path))
  const gate = createGate()

  function open(name: string, options: StreamOptions): ManagedStream {
    if (!Name.safeParse(name).success)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `stream: expected a name, got ${JSON.stringify(name)}`,
      )
    return createRowStream(name, options, {
      ...deps,
      segments,
      leases,
      held: () => gate.held(),
      recovered: recovered.filter((segment) => segment.stream === name),
    })
  }

  /** Live segments by seq; those of a stream that nobody has opened stand as they were found. */
  async function atRest(): Promise<Map<number, Segment>> {
    const found = recovered.filter(({ state, stream }) => state === 'live' && !streams.has(stream))
    const written = await Promise.all([...streams.values()].map((stream) => stream.atRest()))
    const live = [...found, ...written.filter((segment) => segment !== undefined)]
    return new Map(live.map((segment) => [segment.seq, segment]))
  }

  return {
    driver: 'ndjson',
    stream(name, options) {
      const known = streams.get(name)
      if (known && isDeepStrictEqual(known.options, options)) return known
      if (known)
        throw new GyreError('CONFLICT', `the stream ${name} is open with other options`, { name })
      const stream = open(name, options)
      streams.set(name, stream)
      return stream
    },
    async roll(name) {
      const stream = streams.get(name)
      if (!stream) throw new GyreError('NOT_FOUND', `no such stream: ${name}`, { name })
      await stream.roll()
    },
    async hold() {
      // Rows the disk refuses were rejected or counted as dropped: they are nobody's to keep.
      await Promise.all([...streams.values()].map((stream) => stream.flush().catch(() => {})))
      gate.close()
      const letGo = leases.takeAll()
      return holdRows({ folder: deps.folder, gate, live: await atRest(), letGo })
    },
    async close() {
      await Promise.all([...streams.values()].map((stream) => stream.close()))
    },
  }
}
