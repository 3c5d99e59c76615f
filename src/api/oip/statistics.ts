import type { Statistics, Tally } from '../../infer/statistics.ts'
import type { VersionStatistics } from '../../serve/served-model.ts'

/**
 * The statistics extension, as Triton writes it over HTTP and gRPC alike: github.com/triton-inference-server/server,
 * docs/protocol/extension_statistics.md. Durations are whole nanoseconds; nothing is cached here.
 */
export function modelStats(versions: readonly VersionStatistics[]): object {
  return { model_stats: versions.map(versionStats) }
}

function versionStats({ name, version, statistics }: VersionStatistics): object {
  return {
    name,
    version,
    last_inference: statistics.lastAtMs ?? 0,
    inference_count: statistics.rows,
    execution_count: statistics.executions,
    inference_stats: inferenceStats(statistics),
    response_stats: {},
    batch_stats: statistics.batches.map(({ rows, input, infer, output }) => ({
      batch_size: rows,
      compute_input: duration(input),
      compute_infer: duration(infer),
      compute_output: duration(output),
    })),
    memory_usage: [],
  }
}

function inferenceStats({ success, fail, queue, input, infer, output }: Statistics): object {
  return {
    success: duration(success),
    fail: duration(fail),
    queue: duration(queue),
    compute_input: duration(input),
    compute_infer: duration(infer),
    compute_output: duration(output),
    cache_hit: { count: 0, ns: 0 },
    cache_miss: { count: 0, ns: 0 },
  }
}

function duration({ count, ms }: Tally): object {
  return { count, ns: Math.round(ms * 1e6) }
}
