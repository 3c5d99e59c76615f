import { GyreError } from '../../core/errors.ts'
import { defineRawRoute, type RawDoor } from '../raw-door.ts'

/** Stands where predictions are asked for and labels given while serving is off, and says how to have it. */
export function servingOffDoor(): RawDoor {
  return defineRawRoute({
    scope: 'predict',
    described: [],
    matches: (path) =>
      ['/feedback', '/predict', '/v2'].includes(path) || /^\/(predict|v2)\//.test(path),
    async handle() {
      throw new GyreError('NOT_FOUND', 'serving is off here: name it in --modules', {
        module: 'serving',
      })
    },
  })
}
