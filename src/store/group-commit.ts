import { GyreError } from '../core/errors.ts'

/** Where a batch goes: steps are ordered and unanswered, `commit` tells how the whole batch went. */
export interface BatchWriter {
  begin(): void
  unit(): void
  keep(): void
  undo(): void
  commit(): Promise<void>
}

export interface GroupCommit {
  /** Runs `work` as one unit; resolves after the commit that holds it. */
  write<T>(work: () => Promise<T>): Promise<T>
  /** Runs `work` while no batch is open, and opens none before it has ended. */
  between<T>(work: () => Promise<T>): Promise<T>
  /** Resolves after the next commit that succeeds. */
  nextCommit(): Promise<void>
  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void>
}

/** Callers that wait for a commit; past it they are told OVERLOADED. */
const MAX_QUEUED = 4_096

/** A batch ends here even if more units wait: at ~0.1 ms a unit the first waits some 25 ms for its reply. */
const MAX_BATCH_UNITS = 256

interface Unit {
  /** Runs the work; gives what to call once the batch is on the disk, or undefined when the work threw. */
  run(): Promise<(() => void) | undefined>
  reject(error: unknown): void
}

/**
 * Shares one commit among all units queued while the one before was under way: a commit costs milliseconds of
 * fsync, a unit a tenth of one. A lone unit never waits for company.
 */
export function createGroupCommit(writer: BatchWriter): GroupCommit {
  const queue: Unit[] = []
  const between: (() => Promise<void>)[] = []
  let draining: Promise<void> | undefined
  let waiting: (() => void)[] = []

  async function drain(): Promise<void> {
    while (queue.length > 0 || between.length > 0) {
      for (const work of between.splice(0)) await work()
      if (queue.length > 0) await commitBatch()
    }
    draining = undefined
  }

  async function commitBatch(): Promise<void> {
    const kept: { readonly unit: Unit; readonly resolve: () => void }[] = []
    writer.begin()
    for (let ran = 0; ran < MAX_BATCH_UNITS; ran++) {
      const unit = queue.shift()
      if (!unit) break
      writer.unit()
      const resolve = await unit.run()
      if (resolve) writer.keep()
      else writer.undo()
      if (resolve) kept.push({ unit, resolve })
    }
    try {
      await writer.commit()
    } catch (error) {
      for (const { unit } of kept) unit.reject(error)
      return
    }
    for (const { resolve } of kept) resolve()
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }

  return {
    write<T>(work: () => Promise<T>): Promise<T> {
      if (queue.length >= MAX_QUEUED)
        return Promise.reject(
          new GyreError('OVERLOADED', `the catalog has ${queue.length} writes waiting`),
        )
      return new Promise((resolve, reject) => {
        queue.push(unitOf(work, resolve, reject))
        draining ??= drain()
      })
    },
    between: (work) =>
      new Promise((resolve, reject) => {
        between.push(() => work().then(resolve, reject))
        draining ??= drain()
      }),
    nextCommit: () => new Promise((resolve) => void waiting.push(resolve)),
    idle: async () => draining,
  }
}

function unitOf<T>(
  work: () => Promise<T>,
  resolve: (value: T) => void,
  reject: (error: unknown) => void,
): Unit {
  return {
    async run() {
      try {
        const value = await work()
        return () => resolve(value)
      } catch (error) {
        reject(error)
        return undefined
      }
    },
    reject,
  }
}
