import { z } from 'zod'

const INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

/** A Timestamp of protobuf's JSON, as epoch milliseconds; MLflow keeps no more of it. */
export const Instant = z.string().transform((text, ctx): number => {
  const [, seconds, fraction = '', zone = ''] = INSTANT.exec(text) ?? []
  const ms = Date.parse(`${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}${zone}`)
  if (seconds !== undefined && !Number.isNaN(ms)) return ms
  ctx.addIssue({
    code: 'custom',
    message: `expected a time like 2026-01-31T12:00:00Z, got ${text}`,
  })
  return z.NEVER
})

export function instantOut(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z')
}

const SPAN = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/

/** A Duration of protobuf's JSON, as milliseconds. */
export const Duration = z.string().transform((text, ctx): number => {
  const [, sign, seconds, fraction = ''] = SPAN.exec(text) ?? []
  if (seconds === undefined) {
    ctx.addIssue({ code: 'custom', message: `expected seconds like 1.5s, got ${text}` })
    return z.NEVER
  }
  const ms = Number(seconds) * 1_000 + Number(fraction.padEnd(3, '0').slice(0, 3))
  return sign === '-' ? -ms : ms
})

export function durationOut(ms: number): string {
  const [seconds, rest] = [Math.trunc(Math.abs(ms) / 1_000), Math.abs(ms) % 1_000]
  const fraction = rest === 0 ? '' : `.${String(rest).padStart(3, '0')}`
  return `${ms < 0 ? '-' : ''}${seconds}${fraction}s`
}
