import { z } from 'zod'
import { Artifact } from './artifact.ts'
import { DigestText, Duration, Json, Name } from './ref.ts'

export const RunStatus = z.enum(['running', 'succeeded', 'failed', 'lost', 'cancelled'])
export type RunStatus = z.infer<typeof RunStatus>

const SPECIAL = { NaN, Infinity, '-Infinity': -Infinity } as const

/**
 * A double as JSON can carry it: a number, or `"NaN"`, `"Infinity"`, `"-Infinity"` in its place.
 * `parse` gives a number; replies go out through `z.encode`, since `JSON.stringify(NaN)` is `null`.
 */
export const Double = z.codec(
  z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]),
  z.custom<number>((value) => typeof value === 'number'),
  {
    decode: (wire) => (typeof wire === 'number' ? wire : SPECIAL[wire]),
    encode: (value) => {
      if (Number.isFinite(value)) return value
      if (Number.isNaN(value)) return 'NaN'
      return value > 0 ? 'Infinity' : '-Infinity'
    },
  },
)

/** What a run read or made: `model:churn@7` or `run:ID`, and the part it played (`train`, `model`). */
export const RunRef = z.strictObject({
  ref: z.string().min(1),
  role: z.string(),
  digest: z.exactOptional(z.string()),
})
export type RunRef = z.infer<typeof RunRef>

/** Where code was when it was taken; members are absent where there is no repository, or no lockfile. */
export const CodeSource = z.strictObject({
  gitCommit: z.exactOptional(z.string().regex(/^[0-9a-f]{40,64}$/, 'expected a commit in full')),
  /** Whether files differed from the commit. */
  dirty: z.exactOptional(z.boolean()),
  /** Of all that differed; absent when nothing did. */
  diffDigest: z.exactOptional(DigestText),
  lockfileDigest: z.exactOptional(DigestText),
})
export type CodeSource = z.infer<typeof CodeSource>

/** The code a run ran: enough to run it again. */
export const RunCode = z.strictObject({
  /** Of the bundle, or of the script. */
  digest: z.exactOptional(z.string()),
  ref: z.exactOptional(z.string()),
  gitCommit: z.exactOptional(z.string()),
  dirty: z.exactOptional(z.boolean()),
  diffDigest: z.exactOptional(z.string()),
  lockfileDigest: z.exactOptional(z.string()),
  /** Digests of single files by their paths: what differed from the commit, or outside of git all source files. */
  files: z.exactOptional(z.record(z.string(), z.string())),
  /**
   * What was written while the program ran, by its path: `made` of a new file that is no source file, `touched` of any
   * other, which somebody else may have edited.
   */
  written: z.exactOptional(z.record(z.string(), z.enum(['made', 'touched']))),
  /** What was executed, word by word. */
  command: z.exactOptional(z.array(z.string())),
})
export type RunCode = z.infer<typeof RunCode>

export const RunError = z.strictObject({ code: z.string(), message: z.string() })
export type RunError = z.infer<typeof RunError>

/** Anything that makes things: training, evaluation, a pipeline step, a batch score, an index build. */
export const Run = z.strictObject({
  id: z.string(),
  project: z.string(),
  kind: z.string(),
  name: z.string(),
  status: RunStatus,
  parentId: z.string().nullable(),
  /** The id of the experiment that a client logs it under; null for a run that Gyre made by itself. */
  experiment: z.string().nullable(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  actor: z.string(),
  params: z.record(z.string(), Json),
  /** The newest value of each key: greatest step, then latest time, then last logged. */
  metrics: z.record(z.string(), Double),
  tags: z.record(z.string(), z.string()),
  inputs: z.array(RunRef),
  outputs: z.array(RunRef),
  code: RunCode.nullable(),
  /** What it ran on: versions by name (`node`, `python`, `platform`), variables that are set. */
  environment: z.record(z.string(), z.string()),
  error: RunError.nullable(),
  seed: z.number().int().nullable(),
})
export type Run = z.infer<typeof Run>

/** A run that a program outside the server makes, and keeps by saying so. */
export const HeldRunStart = z.strictObject({
  kind: Name,
  name: z.string().min(1).max(500),
  /** By its name; made where there is none. */
  experiment: z.string().min(1).default('Default'),
  params: z.record(z.string(), z.string()).default({}),
  tags: z.record(z.string(), z.string()).default({}),
  inputs: z.array(RunRef).default([]),
  code: RunCode.default({}),
  environment: z.record(z.string(), z.string()).default({}),
  seed: z.exactOptional(z.number().int()),
  /** The run that it goes on from: begins with the metrics and the checkpoint of that one. */
  resumes: z.exactOptional(z.string().min(1)),
  /** How long it may be silent before it is lost. */
  hold: Duration,
})
export type HeldRunStart = z.infer<typeof HeldRunStart>

/** That it goes on, and how long it may be silent from now. */
export const HeldRunBeat = z.strictObject({ hold: Duration })
export type HeldRunBeat = z.infer<typeof HeldRunBeat>

/** What a run may be gone on from: a file or a folder that holds training step `step`, and all before. */
export const RunCheckpoint = z.strictObject({
  step: z.int().min(0),
  artifact: Artifact,
  /** Epoch milliseconds, by the clock that its points were logged with. */
  atMs: z.int().min(0),
})
export type RunCheckpoint = z.infer<typeof RunCheckpoint>

export const HeldRunEnd = z.strictObject({
  status: z.enum(['succeeded', 'failed', 'cancelled']),
  error: z.exactOptional(RunError),
  /** Of its code: told once the program has ended. */
  written: z.exactOptional(RunCode.shape.written.unwrap()),
})
export type HeldRunEnd = z.infer<typeof HeldRunEnd>

/** An integer of 64 bits: a number where one holds it, else its digits. */
const Int64 = z.union([z.int(), z.string().regex(/^-?\d+$/)])

/** A point of a metric as it was logged. */
export const MetricSample = z.strictObject({
  step: Int64,
  /** Epoch milliseconds. */
  atMs: Int64,
  value: Double,
})
export type MetricSample = z.infer<typeof MetricSample>

/** One thing that is not what it was: of a step, or (null) of the run as a whole; null where it was absent. */
export const RunChange = z.strictObject({
  step: z.string().nullable(),
  what: z.string(),
  before: z.string().nullable(),
  now: z.string().nullable(),
})
export type RunChange = z.infer<typeof RunChange>

/** What differs between a run and its repetition; four empty lists say that they are equal. */
export const RunDifference = z.strictObject({
  /** Parameters, seeds, versions of data and features, files that were named as inputs. */
  inputs: z.array(RunChange),
  code: z.array(RunChange),
  environment: z.array(RunChange),
  /**
   * Newest values (`auc`), the first step at which a history differs (`auc at step 3`), files that were logged (`artifact
   * PATH`, digests), and whatever steps gave; numbers differ in any bit.
   */
  metrics: z.array(RunChange),
})
export type RunDifference = z.infer<typeof RunDifference>

/** One point of a run's metric; `at` is UTC, `step` counts from 0. */
export const MetricPoint = z.strictObject({
  key: z.string().min(1),
  value: Double,
  step: z.exactOptional(z.number().int()),
  at: z.exactOptional(z.iso.datetime()),
})
export type MetricPoint = z.infer<typeof MetricPoint>
