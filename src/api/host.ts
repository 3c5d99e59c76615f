import { GyreError } from '../core/errors.ts'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The names this server answers to: loopback names, the address it listens on, and those of the operator. */
export function answeredHosts(
  bindAddress: string,
  allowedHosts: readonly string[],
): ReadonlySet<string> {
  const names = [hostText(bindAddress), ...allowedHosts]
  return new Set([...LOOPBACK, ...names.map((name) => name.toLowerCase())])
}

/** An address as URLs and `Host` headers carry it. */
export function hostText(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/**
 * Refuses a request whose `Host` is not ours: a page on a foreign name that resolves to this machine (DNS
 * rebinding) must not reach a server that asks no key. Throws HOST_NOT_ALLOWED.
 */
export function checkHost(host: string | undefined, answered: ReadonlySet<string>): void {
  const name = (host ?? '').replace(/:\d+$/, '').toLowerCase()
  if (answered.has(name)) return
  throw new GyreError(
    'HOST_NOT_ALLOWED',
    `host ${JSON.stringify(name)} is not answered here; add it to allowedHosts in gyre.json`,
    { field: 'host' },
  )
}

/**
 * Refuses what a page of another origin sends through its reader's browser: on loopback that would be `local`.
 * Programs send no `Origin`. Throws FORBIDDEN.
 */
export function checkOrigin(origin: string | undefined, answered: ReadonlySet<string>): void {
  if (origin === undefined || answered.has(/^https?:\/\/(.+?)(:\d+)?$/.exec(origin)?.[1] ?? ''))
    return
  throw new GyreError(
    'FORBIDDEN',
    `origin: pages of ${origin} may not ask here; add its name to allowedHosts in gyre.json`,
    { field: 'origin' },
  )
}

/** Where this machine itself reaches a server that listens on `bindAddress`, as URLs carry it. */
export function reachableHost(bindAddress: string): string {
  if (bindAddress === '0.0.0.0') return '127.0.0.1'
  return bindAddress === '::' ? '[::1]' : hostText(bindAddress)
}
