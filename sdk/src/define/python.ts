import type { TrainerSpec } from '../wire/trainer.ts'
import type { StepFunction } from './step-context.ts'

/** What a Python step needs besides its script. */
export interface PythonOptions {
  /** A file of pinned packages (`NAME==VERSION` a line, as `pip freeze` writes); none unless told. */
  readonly requirements?: string
  /** How a script finds rows: as a file of Parquet, or of Arrow's IPC format; Parquet unless told. */
  readonly inputs?: 'parquet' | 'arrow'
  /** Threads that numeric libraries may take (`OMP_NUM_THREADS`); 1 unless told. */
  readonly threads?: number
}

/** A Python script as the work of a step. */
export interface PythonProgram<I = unknown, O = unknown> {
  readonly python: {
    readonly script: string
    /** For a script that Gyre brings along: what it is to learn. */
    readonly trainer?: TrainerSpec
  } & PythonOptions
  /** Never there: carries the types of what the step reads and gives. */
  readonly types?: StepFunction<I, O>
}

/**
 * The work of a step in Python: `step('fit', python('train.py', { requirements: 'requirements.lock' }))`. Paths start
 * at the project. The script finds its inputs as JSON in the file named by GYRE_INPUTS, and writes metrics and outputs
 * as JSON lines to the one named by GYRE_REPORT.
 */
export function python<I, O>(script: string, options: PythonOptions = {}): PythonProgram<I, O> {
  return { python: { script, ...options } }
}
