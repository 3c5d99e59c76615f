import type {
  ImportAlias,
  ImportExperiment,
  ImportLoggedModel,
  ImportModel,
  ImportModelVersion,
  ImportRun,
  ImportStage,
  ImportTrace,
} from '@gyre/sdk/wire/import'
import type { RunPoint } from '../../store/run-metrics.ts'

/** A file that belongs to a run or a logged model. */
export interface SourceFile {
  /** What it is called there. */
  readonly path: string
  /** Where it lies on this machine. */
  readonly from: string
}

export interface SourceRun {
  readonly run: ImportRun
  /** In the order in which they were logged: more may follow later, none in between. Read afresh at each call. */
  readonly points: () => AsyncIterable<RunPoint>
  readonly files: () => AsyncIterable<SourceFile>
}

export interface SourceLoggedModel {
  readonly model: ImportLoggedModel
  readonly files: () => AsyncIterable<SourceFile>
}

export interface SourceTrace {
  /** Its spans come packed as the wire has them; those that cannot were told to the tally. */
  readonly trace: ImportTrace
  readonly files: () => AsyncIterable<SourceFile>
}

/**
 * What another tracker wrote, thing by thing in this order. What cannot be read is told to the tally and left out;
 * what comes out of here is counted by whoever takes it.
 */
export interface Source {
  /** The names of its experiments by the numbers that they have there; complete once they were read. */
  readonly numbered: ReadonlyMap<string, string>
  experiments(): AsyncIterable<ImportExperiment>
  runs(): AsyncIterable<SourceRun>
  traces(): AsyncIterable<SourceTrace>
  loggedModels(): AsyncIterable<SourceLoggedModel>
  models(): AsyncIterable<ImportModel>
  versions(): AsyncIterable<ImportModelVersion>
  aliases(): AsyncIterable<ImportAlias>
  stages(): AsyncIterable<ImportStage>
  close(): void
}
