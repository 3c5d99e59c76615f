import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { LabelledRows } from '../../src/train/matrix.ts'

/** A Python process that trains LightGBM, started once so that its imports are not timed. */
export interface LightGbm {
  /** Trains on `train`; the scores are those of the rows in `test`. */
  fit(train: LabelledRows, test: LabelledRows, rounds: number): Promise<PeerOutcome>
  close(): Promise<void>
}

export interface PeerOutcome {
  /** Processor time of binning and boosting. */
  readonly seconds: number
  readonly scores: Float64Array
}

const SCRIPT = fileURLToPath(new URL('lightgbm_peer.py', import.meta.url))

/** What the defaults of `GbdtOptions` are in LightGBM's words. */
const PARAMETERS = {
  objective: 'binary',
  num_threads: 1,
  learning_rate: 0.1,
  num_leaves: 31,
  min_data_in_leaf: 20,
  min_sum_hessian_in_leaf: 1,
  max_bin: 255,
  verbosity: -1,
}

export async function startLightGbm(python: string): Promise<LightGbm> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-bench-lightgbm-'))
  const files = {
    features: join(folder, 'features'),
    labels: join(folder, 'labels'),
    scores: join(folder, 'scores'),
  }
  const child = spawn(python, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] })
  const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async fit(train, test, rounds) {
      await writeFile(files.features, joined(columnsOf(train, test)))
      await writeFile(files.labels, joined([train.labels, test.labels].map(asFloats)))
      const request = { ...files, train: train.matrix.rows, rounds, parameters: PARAMETERS }
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const reply = await replies.next()
      if (reply.done) throw new Error('LightGBM ended without an answer')
      const { seconds } = z.object({ seconds: z.number() }).parse(JSON.parse(reply.value))
      return { seconds, scores: floats64(await readFile(files.scores)) }
    },
    async close() {
      child.stdin.end()
      await rm(folder, { recursive: true })
    },
  }
}

/** Each feature's training rows followed by its test rows. */
function columnsOf(train: LabelledRows, test: LabelledRows): Float32Array[] {
  return train.matrix.columns.flatMap((column, k) => [
    column,
    test.matrix.columns[k] ?? new Float32Array(),
  ])
}

function asFloats(labels: LabelledRows['labels']): Float32Array {
  return Float32Array.from(labels)
}

function joined(parts: readonly Float32Array[]): Buffer {
  return Buffer.concat(
    parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
  )
}

function floats64(bytes: Buffer): Float64Array {
  return new Float64Array(Uint8Array.from(bytes).buffer)
}
