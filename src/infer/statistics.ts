/** How often something was done, and the milliseconds that it took in all. */
export interface Tally {
  readonly count: number
  readonly ms: number
}

/** The parts of one execution, in milliseconds: all of it but what its asks waited in the queue. */
export interface ExecutionTimes {
  /** Joining the callers' rows and bringing them to a worker. */
  readonly inputMs: number
  /** The worker's own. */
  readonly inferMs: number
  /** Bringing the answer back and giving each caller his part. */
  readonly outputMs: number
}

/** Executions of one number of rows. */
export interface BatchTallies {
  readonly rows: number
  readonly input: Tally
  readonly infer: Tally
  readonly output: Tally
}

/** What a loaded model has done since it was loaded, whoever asked. */
export interface Statistics {
  /** Epoch milliseconds of the last execution; undefined before the first. */
  readonly lastAtMs: number | undefined
  /** Rows that were answered. */
  readonly rows: number
  /** Rows that were run, those of failed asks too. */
  readonly rowsRun: number
  readonly executions: number
  /** Asks that were answered, from their arrival to their answer. */
  readonly success: Tally
  /** Asks that were not, whatever the reason: the model's fault, their own deadline, a caller who left. */
  readonly fail: Tally
  /** What answered asks waited for a worker. */
  readonly queue: Tally
  /** As `ExecutionTimes`, once for each answered ask of an execution. */
  readonly input: Tally
  readonly infer: Tally
  readonly output: Tally
  /** By the number of rows, the least first. */
  readonly batches: readonly BatchTallies[]
}

/** Counts for `Statistics`: additions alone, for the hot path. */
export interface StatisticsKeeper {
  executed(rows: number, times: ExecutionTimes, atMs: number): void
  /** One ask of an execution; the two times are from its arrival on. */
  answered(rows: number, waitedMs: number, tookMs: number, times: ExecutionTimes): void
  failed(tookMs: number): void
  read(): Statistics
}

interface Sum {
  count: number
  ms: number
}

export function createStatistics(): StatisticsKeeper {
  const [success, fail, queue, input, infer, output] = [sum(), sum(), sum(), sum(), sum(), sum()]
  const bySize = new Map<number, ReturnType<typeof batchSums>>()
  let [rows, rowsRun, executions] = [0, 0, 0]
  let lastAtMs: number | undefined
  return {
    executed(size, times, atMs) {
      lastAtMs = atMs
      executions += 1
      rowsRun += size
      const sums = bySize.get(size) ?? batchSums()
      bySize.set(size, sums)
      add(sums.input, times.inputMs)
      add(sums.infer, times.inferMs)
      add(sums.output, times.outputMs)
    },
    answered(size, waitedMs, tookMs, times) {
      rows += size
      add(success, tookMs)
      add(queue, waitedMs)
      add(input, times.inputMs)
      add(infer, times.inferMs)
      add(output, times.outputMs)
    },
    failed: (tookMs) => add(fail, tookMs),
    read: () => ({
      lastAtMs,
      rows,
      rowsRun,
      executions,
      success: { ...success },
      fail: { ...fail },
      queue: { ...queue },
      input: { ...input },
      infer: { ...infer },
      output: { ...output },
      batches: [...bySize]
        .toSorted(([one], [other]) => one - other)
        .map(([size, sums]) => structuredClone({ rows: size, ...sums })),
    }),
  }
}

function sum(): Sum {
  return { count: 0, ms: 0 }
}

function batchSums() {
  return { input: sum(), infer: sum(), output: sum() }
}

function add(to: Sum, ms: number): void {
  to.count += 1
  to.ms += ms
}
