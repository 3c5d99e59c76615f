import { GyreError } from '../core/errors.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * Refuses a request whose `Host` is not ours: a page on a foreign name that resolves to this machine (DNS
 * rebinding) must not reach a server that asks no key. Throws HOST_NOT_ALLOWED.
 */
export function checkHost(host: string | undefined, allowed: readonly string[]): void {
  const name = (host ?? '').replace(/:\d+$/, '').toLowerCase()
  if (LOOPBACK.has(name) || allowed.includes(name)) return
  throw new GyreError(
    'HOST_NOT_ALLOWED',
    `host ${JSON.stringify(name)} is not answered here; see allowedHosts`,
    {
      field: 'host',
    },
  )
}

/** True for addresses that only this machine can reach. */
export function isLoopback(bindAddress: string): boolean {
  return (
    bindAddress === 'localhost' || bindAddress === '::1' || /^127\.\d+\.\d+\.\d+$/.test(bindAddress)
  )
}
