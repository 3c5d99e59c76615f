import type { Artifact } from '../wire/artifact.ts'
import type { TrainerSpec } from '../wire/trainer.ts'
import type { StepFunction } from './step-context.ts'

/** What a Python step needs besides its script. */
export interface PythonOptions {
  /** A file of pinned packages (`NAME==VERSION` a line, as `pip freeze` writes); none unless told. */
  readonly requirements?: string
  /** How a script finds rows: as a file of Parquet, or of Arrow's IPC format; Parquet unless told. */
  readonly inputs?: 'parquet' | 'arrow'
  /** Threads that numeric libraries may take (`OMP_NUM_THREADS`); as many as the step's `resources` have cores, or 1, unless told. */
  readonly threads?: number
}

/** A Python script, or a notebook, as the work of a step. */
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

/**
 * The work of a step in a notebook: `step('fit', notebook('train.ipynb'))({ rows: rows.train, seed })`. Its cells are
 * executed from the first to the last, the step's inputs being variables that override those of the cell tagged
 * `parameters`. It reports as a script does; what it gives besides is `notebook`, the copy that was executed.
 */
export function notebook<I, O>(
  path: string,
  options: PythonOptions = {},
): PythonProgram<I, O & { readonly notebook: Artifact }> {
  return { python: { script: path, ...options } }
}
