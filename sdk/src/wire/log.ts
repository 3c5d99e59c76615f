import { z } from 'zod'

/** A stretch of what a run printed, both of its streams together. */
export const LogPiece = z.strictObject({
  /** How many characters (of UTF-16) it had printed before these; a gap to the piece before was left out. */
  start: z.int(),
  text: z.string(),
})
export type LogPiece = z.infer<typeof LogPiece>

/** A stretch of what a program outside printed: no more than 64 Ki characters. */
export const HeldRunLog = z.strictObject({
  start: z.int().min(0),
  text: z.string().max(65_536),
})

export const LogPage = z.strictObject({
  pieces: z.array(LogPiece),
  /** Ask from here on for what comes after. */
  next: z.int(),
  /** Whether more may come. */
  live: z.boolean(),
})
export type LogPage = z.infer<typeof LogPage>
