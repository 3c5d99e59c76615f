/** A training that nobody waits for in between. */
export function toItsEnd<M>(rounds: Generator<unknown, M>): M {
  for (;;) {
    const round = rounds.next()
    if (round.done) return round.value
  }
}
