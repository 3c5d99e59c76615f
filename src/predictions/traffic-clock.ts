/** First and last event time of an endpoint's traffic, epoch milliseconds. */
export interface TrafficSpan {
  readonly firstMs: number
  readonly latestMs: number
}

/** The event time of one endpoint, as its traffic tells it. */
interface EndpointClock {
  readonly project: string
  given: TrafficSpan | undefined
  arrived: TrafficSpan | undefined
}

/**
 * Event time per endpoint. Where any prediction or feedback has carried its own event time, those that carry
 * none do not move the clock: one request by hand must not throw a replay of last year into the present.
 */
export interface TrafficClocks {
  /** A prediction of the endpoint with this tag happened, or many between the two times. */
  predicted(project: string, tag: string, span: TrafficSpan, given: boolean): void
  /** A label became known. Ignored where no prediction of that project has the tag. */
  labelled(project: string, tag: string, atMs: number, given: boolean): void
  span(tag: string): TrafficSpan | undefined
}

export function createTrafficClocks(): TrafficClocks {
  const clocks = new Map<string, EndpointClock>()

  function move(clock: EndpointClock, span: TrafficSpan, given: boolean): void {
    const kind = given ? 'given' : 'arrived'
    clock[kind] = union(clock[kind], span)
  }

  return {
    predicted(project, tag, span, given) {
      const clock = clocks.get(tag) ?? { project, given: undefined, arrived: undefined }
      clocks.set(tag, clock)
      move(clock, span, given)
    },
    labelled(project, tag, atMs, given) {
      const clock = clocks.get(tag)
      if (clock?.project === project) move(clock, { firstMs: atMs, latestMs: atMs }, given)
    },
    span(tag) {
      const clock = clocks.get(tag)
      return clock?.given ?? clock?.arrived
    },
  }
}

function union(a: TrafficSpan | undefined, b: TrafficSpan): TrafficSpan {
  if (!a) return b
  if (a.firstMs <= b.firstMs && a.latestMs >= b.latestMs) return a
  return {
    firstMs: Math.min(a.firstMs, b.firstMs),
    latestMs: Math.max(a.latestMs, b.latestMs),
  }
}
