import { isDeepStrictEqual } from 'node:util'
import { Name } from '@gyre/sdk/wire/ref'
import { GyreError } from '../../core/errors.ts'
import type { Analytics } from '../analytics.ts'
import type { Rows, StreamOptions } from '../rows.ts'
import { createRowStream, type ManagedStream } from './row-stream.ts'
import { createSegments, type SegmentsDeps } from './segments.ts'

export interface NdjsonDeps extends SegmentsDeps {
  readonly analytics: Analytics
}

/** Rows as NDJSON segments on this machine's disk that become Parquet. Opening repairs what a crash left. */
export async function openNdjson(deps: NdjsonDeps): Promise<Rows> {
  const segments = createSegments(deps)
  const recovered = await segments.recover()
  const streams = new Map<string, ManagedStream>()

  function open(name: string, options: StreamOptions): ManagedStream {
    if (!Name.safeParse(name).success)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `stream: expected a name, got ${JSON.stringify(name)}`,
      )
    return createRowStream(name, options, {
      ...deps,
      segments,
      recovered: recovered.filter((segment) => segment.stream === name),
    })
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
    async close() {
      await Promise.all([...streams.values()].map((stream) => stream.close()))
    },
  }
}
