import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { systemClock } from '../../src/core/clock.ts'
import { silentLog } from '../../src/core/log.ts'
import { createInfer } from '../../src/infer/infer.ts'
import type { ModelRow } from '../../src/infer/session.ts'
import { FEATURES, ORIGINS, treesIn, TREES_WIDTH } from './bench-model.ts'
import type { BenchLine } from './line.ts'
import { median } from './median.ts'

const [CALLERS, CALLS, REPEATS] = [32, 20_000, 5]

/**
 * Processor time of one prediction when 32 callers wait at once, from request fields to score through a
 * worker, against onnxruntime running single rows in process, which blocks the event loop and takes
 * vectors that are ready. The two take turns; medians of five.
 */
export async function benchInfer(): Promise<BenchLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-'))
  const infer = createInfer({ clock: systemClock, log: silentLog, workers: 1 })
  try {
    const source = await treesIn(folder)
    const session = await infer.open(source)
    const raw = await InferenceSession.create(source.onnxPath, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
    })
    const vector = new Float32Array(TREES_WIDTH)
    const single = (): Promise<unknown> =>
      raw.run({ features: new Tensor('float32', vector, [1, TREES_WIDTH]) })
    const [ours, peer]: [number[], number[]] = [[], []]
    for (let repeat = 0; repeat <= REPEATS; repeat++) {
      const worker = await cpuPerCall(CALLERS, (i) => session.predict(rowOf(i)))
      const inProcess = await cpuPerCall(1, single)
      if (repeat === 0) continue // the first of each warms the compiler
      ours.push(worker)
      peer.push(inProcess)
    }
    return [lineOf(median(ours), median(peer))]
  } finally {
    await infer.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Microseconds of processor time per call, all threads of this process together. */
async function cpuPerCall(callers: number, call: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < CALLS) await call(next++)
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: callers }, caller))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / CALLS
}

function rowOf(i: number): ModelRow {
  const at = Date.UTC(2001, 0, 1) + i * 60_000
  const features = FEATURES.map(() => i / CALLS)
  return { kind: 'fields', fields: [at, `A${i % ORIGINS}`], features }
}

function lineOf(ours: number, peer: number): BenchLine {
  return {
    name: '100 trees through a worker, 32 callers',
    ours,
    unit: 'µs CPU/row',
    peer: { name: 'onnxruntime-node in process, row after row', value: peer },
  }
}
