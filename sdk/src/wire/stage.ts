import { z } from 'zod'

export const Stage = z.enum(['none', 'staging', 'production', 'archived'])
export type Stage = z.infer<typeof Stage>

/** A move between two stages: `none->production`. */
export const StageMove = z.templateLiteral([Stage, '->', Stage])
export type StageMove = z.infer<typeof StageMove>
