import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import type { StepContext } from '@gyre/sdk'
import { TRAINING_MEDIA_TYPE, type Artifact } from '@gyre/sdk/wire/artifact'
import type { ResumeLimits } from '@gyre/sdk/wire/pipeline'
import type { Checkpoint } from '@gyre/sdk/wire/step'
import type { Clock } from '../core/clock.ts'
import { durationMs } from '../core/duration.ts'
import { storePath } from './python-step.ts'
import type { StepFiles } from './step-files.ts'
import { createTrainingKeeper, type TrainingKeeper } from './training-keeper.ts'

/** So much training may be lost to a kill. */
const EVERY = '30s'

/** How often a trainer saves, in milliseconds. */
export function savesEveryMs({ every = EVERY }: ResumeLimits): number {
  return durationMs(every, 'every')
}

export interface StepCheckpointsDeps {
  readonly files: StepFiles
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly commit: (step: number, artifact: Artifact) => Promise<void>
}

/** What a step's function is given of checkpoints, and what its trainers are. */
export interface StepCheckpoints extends Pick<StepContext, 'checkpoint' | 'resumed'> {
  readonly keeper: TrainingKeeper
}

/**
 * A step has one checkpoint. Its trainers save there as long as its own code never has: who saves himself knows what of
 * a training he needs.
 */
export async function openStepCheckpoints(
  { files, clock, signal, commit }: StepCheckpointsDeps,
  last: Checkpoint | null,
  resume: ResumeLimits | undefined,
): Promise<StepCheckpoints> {
  const path = last && (await files.artifact(last.artifact))
  const isOfTrainer = last?.artifact.mediaType === TRAINING_MEDIA_TYPE
  let isOwn = last !== null && !isOfTrainer
  const keeper = createTrainingKeeper({
    clock,
    signal,
    checkpoints: resume && {
      everyMs: savesEveryMs(resume),
      resumed: path && isOfTrainer ? await readFile(path) : undefined,
      async save(rounds, bytes) {
        if (isOwn) return false
        await commit(rounds, await files.putBytes(bytes, TRAINING_MEDIA_TYPE))
        return true
      },
    },
  })
  return {
    keeper,
    resumed: last && path && isOwn ? { step: last.step, path } : undefined,
    async checkpoint(step, what) {
      isOwn = true
      const stored =
        typeof what === 'string'
          ? storePath(files, dirname(resolve(what)), 'checkpoint', basename(what))
          : files.putBytes(what, 'application/octet-stream')
      await commit(step, await stored)
    },
  }
}
