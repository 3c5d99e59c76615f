import { z } from 'zod'

/** A named set of runs. */
export const Experiment = z.strictObject({
  /** Its number as text: `0` is `Default`, which every project has. */
  id: z.string(),
  name: z.string(),
  isDeleted: z.boolean(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  tags: z.record(z.string(), z.string()),
})
export type Experiment = z.infer<typeof Experiment>

/** Which of the things that can be deleted are wanted. */
export const View = z.enum(['active', 'deleted', 'all'])
export type View = z.infer<typeof View>
