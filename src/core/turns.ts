/** Runs work under a key in the order of the calls; work under other keys is not waited for. */
export type Turns = <T>(key: string, work: () => Promise<T>) => Promise<T>

/** Turns within one process: it spares the attempt that a lease or a compare-and-set would refuse. */
export function createTurns(): Turns {
  const tails = new Map<string, Promise<void>>()
  return (key, work) => {
    const before = tails.get(key) ?? Promise.resolve()
    const result = before.then(work)
    const tail = result.then(
      () => undefined,
      () => undefined,
    )
    tails.set(key, tail)
    void tail.then(() => tails.get(key) === tail && tails.delete(key))
    return result
  }
}
