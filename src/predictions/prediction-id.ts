import { createHash } from 'node:crypto'
import type { NewId } from '../core/id.ts'

/** Characters after `p_` that say which endpoint of which project answered: 36 bits of a digest. */
const TAG_LENGTH = 6

/** The tag in the ids of an endpoint's predictions, so that feedback names its endpoint without a look-up. */
export function endpointTag(project: string, endpoint: string): string {
  return createHash('sha256')
    .update(`${project}/${endpoint}`)
    .digest('base64url')
    .slice(0, TAG_LENGTH)
}

/** The tag of an id that `createPredictionIds` made; of any other text, some text. */
export function tagOf(predictionId: string): string {
  return predictionId.slice(2, 2 + TAG_LENGTH)
}

/** SQL over a column of prediction ids, the same as `tagOf`. */
export function tagSql(column: string): string {
  return `substr(${column}, 3, ${TAG_LENGTH})`
}

/**
 * Ids like `p_Vx3k9a0jx…1f`: endpoint, then 98 bits of this process's start, then a counter. A concatenation
 * a call, where a fresh random id costs two microseconds.
 */
export function createPredictionIds(newId: NewId): (tag: string) => string {
  const start = newId('').slice(1)
  let count = 0
  return (tag) => `p_${tag}${start}${(count++).toString(36)}`
}
