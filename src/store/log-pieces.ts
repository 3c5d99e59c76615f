import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from './catalog.ts'

/** Characters of a run's output that are kept from its beginning. */
export const HEAD_CHARS = 262_144
/** Characters that are kept from its end. What lies between is left out. */
export const TAIL_CHARS = 786_432

/** A row of the catalog holds so much at the most. */
const PIECE_CHARS = 65_536
/** A stretch of what a run printed. */
export interface Piece {
  /** Characters that were printed before it. */
  readonly start: number
  readonly text: string
}

export function cut(text: string, start: number): Piece[] {
  const count = Math.ceil(text.length / PIECE_CHARS)
  return Array.from({ length: count }, (_, i) => ({
    start: start + i * PIECE_CHARS,
    text: text.slice(i * PIECE_CHARS, (i + 1) * PIECE_CHARS),
  }))
}

/** Adds pieces, and leaves out those of the tail that begin before `tailStart`. */
export async function addPieces(
  tx: Tx,
  ctx: Context,
  run: string,
  pieces: readonly Piece[],
  tailStart: number,
): Promise<void> {
  const { seq } = await placeOf(tx, ctx, run)
  await tx
    .insertInto('run_logs')
    .values(pieces.map(({ start, text }) => ({ run: seq, start, text })))
    .execute()
  await tx
    .deleteFrom('run_logs')
    .where('run', '=', seq)
    .where('start', '>=', HEAD_CHARS)
    .where('start', '<', tailStart)
    .execute()
}

/** Throws NOT_FOUND. */
export async function placeOf(db: Tx, ctx: Context, id: string) {
  const row = await db
    .selectFrom('runs')
    .select(['seq', 'status'])
    .where('project', '=', ctx.project)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) throw new GyreError('NOT_FOUND', `no such run: ${id}`, { id })
  return row
}

/**
 * Adds what was printed after `start` characters; what is there already is not added again, what was skipped is left out.
 * Keeps of it what is kept of every run's output.
 */
export async function appendPiece(
  tx: Tx,
  ctx: Context,
  run: string,
  { start, text }: Piece,
): Promise<void> {
  const { seq } = await placeOf(tx, ctx, run)
  const last = await tx
    .selectFrom('run_logs')
    .select(['start', 'text'])
    .where('run', '=', seq)
    .orderBy('start', 'desc')
    .executeTakeFirst()
  const from = Math.max(start, last ? last.start + last.text.length : 0)
  const fresh = text.slice(from - start).replaceAll('\0', '\uFFFD')
  if (fresh === '') return
  const ofHead = Math.max(0, HEAD_CHARS - from)
  const head = fresh.slice(0, ofHead)
  const pieces = [...cut(head, from), ...cut(fresh.slice(ofHead), from + head.length)]
  const before = from + fresh.length - TAIL_CHARS
  const oldest = await tx
    .selectFrom('run_logs')
    .select('start')
    .where('run', '=', seq)
    .where('start', '>=', HEAD_CHARS)
    .where('start', '<=', before)
    .orderBy('start', 'desc')
    .executeTakeFirst()
  await addPieces(tx, ctx, run, pieces, oldest?.start ?? 0)
}
