import { z } from 'zod'

/** `metrics.auc DESC, attributes.start_time`: the keys of an order in one text, as they stand between its commas. */
export const OrderBy = z
  .string()
  .default('')
  .transform((text) => text.split(',').filter((key) => key.trim() !== ''))
