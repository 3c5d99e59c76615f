import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { GyreError } from '../core/errors.ts'
import type { Caller } from './caller.ts'

const PASS = /^pass\.([\w-]+)\.([\w-]+)$/

const Content = z.strictObject({ project: z.string(), actor: z.string(), untilMs: z.number() })

/** Passes of one server's life: signed, not stored, and void once the server has ended. */
export interface Passes {
  issue(project: string, actor: string, ttlMs: number): string
  /** Throws UNAUTHENTICATED for a pass that was not made here, was changed, or has expired. */
  read(text: string): Caller
}

export function createPasses(clock: Clock): Passes {
  const secret = randomBytes(32)
  const sign = (body: string): Buffer => createHmac('sha256', secret).update(body).digest()

  return {
    issue(project, actor, ttlMs) {
      const content = { project, actor, untilMs: clock.now().getTime() + ttlMs }
      const body = Buffer.from(JSON.stringify(content)).toString('base64url')
      return `pass.${body}.${sign(body).toString('base64url')}`
    },

    read(text) {
      const [, body = '', signature = ''] = PASS.exec(text) ?? []
      const [given, expected] = [Buffer.from(signature, 'base64url'), sign(body)]
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        throw new GyreError('UNAUTHENTICATED', 'the pass was not made by this server')
      const json: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))
      const { project, actor, untilMs } = Content.parse(json)
      if (untilMs <= clock.now().getTime())
        throw new GyreError('UNAUTHENTICATED', 'the pass has expired')
      return { project, actor, grant: 'step' }
    },
  }
}
