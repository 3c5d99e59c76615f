import type { ShadowReport } from '@gyre/sdk/wire/release'
import { sql } from 'kysely'
import type { Log } from '../core/log.ts'
import type { Catalog, Tx } from '../store/catalog.ts'

/** At most so long between an answer of a shadow and its place in the catalog. */
const FLUSH_MS = 1_000

/** What became of one request that a shadow was to answer. */
export type ShadowOutcome = { readonly releaseId: string } & (
  | {
      readonly end: 'compared'
      readonly agree: boolean
      /** Null where the answers hold no numbers to compare, or not the same ones. */
      readonly maxAbsDiff: number | null
      readonly primaryMs: number
      readonly shadowMs: number
    }
  | { readonly end: 'failed' | 'dropped' }
)

interface Sums {
  compared: number
  agreed: number
  failed: number
  dropped: number
  maxAbsDiff: number | null
  primaryMs: number
  shadowMs: number
}

/** Sums up what shadows answered: nothing is decided by it, so a catalog that refuses costs no more than time. */
export interface ShadowCounters {
  count(outcome: ShadowOutcome): void
  /** Throws what the catalog threw; what it refused is kept for the next time. */
  flush(): Promise<void>
  close(): Promise<void>
}

export function createShadowCounters(deps: {
  readonly catalog: Catalog
  readonly log: Log
  readonly writer: string
}): ShadowCounters {
  const { catalog, log, writer } = deps
  let pending = new Map<string, Sums>()
  let timer: NodeJS.Timeout | undefined
  let last: Promise<void> = Promise.resolve()

  function flushAndForget(): void {
    flush().catch((error: unknown) => log.error({ err: error }, 'counts of a shadow wait'))
  }

  function startTimer(): void {
    timer ??= setTimeout(flushAndForget, FLUSH_MS)
    timer.unref()
  }

  function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    last = last.then(write, write)
    return last
  }

  async function write(): Promise<void> {
    const batch = pending
    if (batch.size === 0) return
    pending = new Map()
    try {
      await catalog.write(async (tx) => {
        for (const [releaseId, sums] of batch) await addSums(tx, writer, releaseId, sums)
      })
    } catch (error) {
      for (const [releaseId, sums] of batch) merge(sumsOf(pending, releaseId), sums)
      startTimer()
      throw error
    }
  }

  return {
    count({ releaseId, ...outcome }) {
      const sums = sumsOf(pending, releaseId)
      sums[outcome.end]++
      if (outcome.end === 'compared') {
        sums.agreed += outcome.agree ? 1 : 0
        sums.maxAbsDiff = larger(sums.maxAbsDiff, outcome.maxAbsDiff)
        sums.primaryMs += outcome.primaryMs
        sums.shadowMs += outcome.shadowMs
      }
      startTimer()
    },
    flush,
    async close() {
      await flush().catch((error: unknown) =>
        log.error({ err: error }, 'counts of a shadow are lost'),
      )
    },
  }
}

/** What all servers have counted. */
export async function loadShadow(db: Tx, releaseId: string): Promise<ShadowReport> {
  const rows = await db
    .selectFrom('release_shadows')
    .selectAll()
    .where('release_id', '=', releaseId)
    .execute()
  const sums = nothing()
  for (const {
    max_abs_diff: maxAbsDiff,
    primary_ms: primaryMs,
    shadow_ms: shadowMs,
    ...row
  } of rows)
    merge(sums, { ...row, maxAbsDiff, primaryMs, shadowMs })
  const mean = (total: number) => (sums.compared === 0 ? null : total / sums.compared)
  return { ...sums, primaryMs: mean(sums.primaryMs), shadowMs: mean(sums.shadowMs) }
}

async function addSums(tx: Tx, writer: string, releaseId: string, sums: Sums): Promise<void> {
  const { maxAbsDiff, primaryMs, shadowMs, ...counts } = sums
  await tx
    .insertInto('release_shadows')
    .values({
      release_id: releaseId,
      writer,
      ...counts,
      max_abs_diff: maxAbsDiff,
      primary_ms: primaryMs,
      shadow_ms: shadowMs,
    })
    .onConflict((conflict) =>
      conflict.columns(['release_id', 'writer']).doUpdateSet({
        compared: sql`compared + excluded.compared`,
        agreed: sql`agreed + excluded.agreed`,
        failed: sql`failed + excluded.failed`,
        dropped: sql`dropped + excluded.dropped`,
        max_abs_diff: sql`max(coalesce(max_abs_diff, excluded.max_abs_diff), coalesce(excluded.max_abs_diff, max_abs_diff))`,
        primary_ms: sql`primary_ms + excluded.primary_ms`,
        shadow_ms: sql`shadow_ms + excluded.shadow_ms`,
      }),
    )
    .execute()
}

function sumsOf(map: Map<string, Sums>, releaseId: string): Sums {
  const sums = map.get(releaseId) ?? nothing()
  map.set(releaseId, sums)
  return sums
}

function nothing(): Sums {
  return {
    compared: 0,
    agreed: 0,
    failed: 0,
    dropped: 0,
    maxAbsDiff: null,
    primaryMs: 0,
    shadowMs: 0,
  }
}

function merge(into: Sums, from: Sums): void {
  into.compared += from.compared
  into.agreed += from.agreed
  into.failed += from.failed
  into.dropped += from.dropped
  into.maxAbsDiff = larger(into.maxAbsDiff, from.maxAbsDiff)
  into.primaryMs += from.primaryMs
  into.shadowMs += from.shadowMs
}

function larger(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.max(a, b)
}
