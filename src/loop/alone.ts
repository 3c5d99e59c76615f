import type { Leases } from '../store/lease.ts'

/** A server that dies holds up the next one by this much. */
const LEASE_MS = 10_000

/** Does work while holding a lease, renewing it; undefined, without doing it, while another server has it. */
export type Alone = <T>(work: () => Promise<T>) => Promise<{ readonly value: T } | undefined>

export function createAlone(leases: Leases, name: string, holder: string): Alone {
  return async (work) => {
    const lease = await leases.acquire(name, holder, LEASE_MS)
    if (!lease) return undefined
    const beat = setInterval(
      // A lease that ran out shows in the writes made meanwhile: each moves a row on from a state it names.
      () => void leases.renew(name, holder, lease.fence, LEASE_MS).catch(() => undefined),
      LEASE_MS / 3,
    )
    try {
      return { value: await work() }
    } finally {
      clearInterval(beat)
      await leases.release(name, holder, lease.fence)
    }
  }
}
