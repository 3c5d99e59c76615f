import type { Event } from '@gyre/sdk/wire/event'
import { canonicalJson, digestOf } from '../core/digest.ts'

/** `prevHash` of the first event. */
export const GENESIS_HASH = '0'.repeat(64)

/** SHA-256 over the hash before and the canonical JSON of every other member, in hexadecimal. */
export function eventHash(event: Omit<Event, 'hash'>): string {
  const { prevHash, ...told } = event
  return digestOf(prevHash + canonicalJson(told)).slice('sha256:'.length)
}

/** Why `event` cannot follow `previous` (undefined: the first of the chain), or undefined when it does. */
export function chainBreak(previous: Event | undefined, event: Event): string | undefined {
  if (event.seq !== (previous?.seq ?? 0) + 1)
    return `expected seq ${(previous?.seq ?? 0) + 1}: an event is missing before it`
  const { hash, ...told } = event
  if (event.prevHash !== (previous?.hash ?? GENESIS_HASH))
    return 'prevHash is not the hash of the event before'
  if (hash !== eventHash(told)) return 'hash does not match the content'
  return undefined
}
