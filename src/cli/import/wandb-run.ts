import { createReadStream } from 'node:fs'
import { readWandbLog } from '../../core/formats/wandb-log.ts'
import { decodeWandbRecord, type WandbRecord } from '../../core/formats/wandb-record.ts'
import { errnoOf, GyreError } from '../../core/errors.ts'
import type { RunPoint } from '../../store/run-metrics.ts'
import type { Tally } from './tally.ts'
import { historyMoment, statsMoment, type Moment } from './wandb-history.ts'
import { createTree, type Tree } from './wandb-tree.ts'

type Of<K extends WandbRecord['kind']> = Extract<WandbRecord, { kind: K }>
export type WandbHead = Of<'run'>['value']
export type WandbArtifact = Of<'artifact'>['value']

/** Why what has no place in Gyre is not lost. */
export const IN_LOG = 'they stay in the log of their run, which comes as wandb/run-ID.wandb'

/** A folder of one run, and the transaction log in it. */
export interface RunFolder {
  readonly path: string
  readonly log: string
}

/** What the logs of a run say of it, all but its points. Times are epoch milliseconds. */
export interface WandbRun {
  readonly id: string
  /** Several where it was resumed, oldest first. */
  readonly folders: RunFolder[]
  /** What was last said. */
  head: WandbHead
  startMs: number
  /** Of the newest record that says. */
  lastMs: number
  environment: Of<'environment'>['value'] | undefined
  /** Undefined for a run that was cut off. */
  exit: Of<'exit'>['value'] | undefined
  readonly config: Tree
  readonly summary: Tree
  /** The last value of each metric. */
  readonly last: Map<string, number>
  readonly artifacts: WandbArtifact[]
  /** What was logged and is no number. */
  otherValues: number
  /** Records that are not read, by name. */
  readonly otherRecords: Map<string, number>
}

/** Reads a log into the run that it is of, which may be known from another folder; undefined where it tells of none. */
export async function scanLog(
  tally: Tally,
  runs: Map<string, WandbRun>,
  folder: RunFolder,
): Promise<WandbRun | undefined> {
  let run: WandbRun | undefined
  const onDamage = (what: string): void => tally.miss('log records', folder.log, what)
  for await (const record of recordsOf(folder.log, onDamage)) {
    if (record.kind === 'run') {
      const known = runs.get(record.value.runId)
      const of = known ?? newRun(record.value)
      runs.set(of.id, of)
      if (!run) {
        of.folders.push(folder)
        of.exit = undefined
      }
      run = of
      takeHead(run, record.value)
    } else if (run) {
      const of = run
      readable(() => take(of, record), onDamage)
    }
  }
  if (!run) tally.miss('runs', folder.path, 'its log tells of no run')
  return run
}

/** The points of a run in the order in which they were logged. */
export async function* loggedPoints({ folders, startMs }: WandbRun): AsyncGenerator<RunPoint> {
  let stats = 0
  for (const { log } of folders)
    // What cannot be read was told when the log was scanned.
    for await (const record of recordsOf(log, () => {})) {
      const moment = readable(() => momentOf(record, startMs, () => stats++))
      if (moment) yield* moment.points
    }
}

/** The records of a log. What cannot be read is told, and passed over. */
async function* recordsOf(
  log: string,
  onDamage: (what: string) => void,
): AsyncGenerator<WandbRecord> {
  try {
    for await (const piece of readWandbLog(createReadStream(log))) {
      if (piece.kind === 'record') yield* decoded(piece.bytes, onDamage)
      else onDamage(`bytes ${piece.at} to ${piece.at + piece.length}: ${piece.reason}`)
    }
  } catch (error) {
    const code = errnoOf(error)
    if (code !== undefined) onDamage(`it cannot be read (${code})`)
    else if (error instanceof GyreError) onDamage(error.message)
    else throw error
  }
}

function* decoded(bytes: Uint8Array, onDamage: (what: string) => void): Generator<WandbRecord> {
  try {
    yield decodeWandbRecord(bytes)
  } catch (error) {
    if (!(error instanceof GyreError)) throw error
    onDamage(`a record: ${error.message}`)
  }
}

/** What a record says that has a time. Throws SyntaxError for values that are not JSON. */
function momentOf(
  record: WandbRecord,
  startMs: number,
  nextStats: () => number,
): Moment | undefined {
  if (record.kind === 'history') return historyMoment(record.value, startMs)
  return record.kind === 'stats' ? statsMoment(record.value, nextStats()) : undefined
}

function newRun(head: WandbHead): WandbRun {
  return {
    id: head.runId,
    folders: [],
    head,
    startMs: head.startTime,
    lastMs: head.startTime,
    environment: undefined,
    exit: undefined,
    config: createTree(),
    summary: createTree(),
    last: new Map(),
    artifacts: [],
    otherValues: 0,
    otherRecords: new Map(),
  }
}

function takeHead(run: WandbRun, head: WandbHead): void {
  const told = Object.entries(head).filter(([, value]) => Array.isArray(value) ? value.length > 0 : value !== '') // prettier-ignore
  run.head = { ...run.head, ...Object.fromEntries(told) }
  if (head.startTime > 0 && head.startTime < run.startMs) run.startMs = head.startTime
  change(run.config, head.config)
  change(run.summary, head.summary)
}

/** Puts down what a record says of its run. Throws SyntaxError for values that are not JSON. */
function take(run: WandbRun, record: Exclude<WandbRecord, Of<'run'>>): void {
  switch (record.kind) {
    case 'history':
    case 'stats': {
      const moment = momentOf(record, run.startMs, () => 0)
      run.otherValues += moment?.others ?? 0
      run.lastMs = Math.max(run.lastMs, moment?.atMs ?? 0)
      for (const { key, value } of moment?.points ?? []) run.last.set(key, value)
      return
    }
    case 'config':
      return change(run.config, record.value)
    case 'summary':
      return change(run.summary, record.value)
    case 'artifact':
      run.artifacts.push(record.value)
      return
    case 'exit':
      run.exit = record.value
      return
    case 'environment':
      // What comes later tells of the hardware alone.
      run.environment ??= record.value
      return
    case 'other':
      run.otherRecords.set(record.name, (run.otherRecords.get(record.name) ?? 0) + 1)
  }
}

function change(tree: Tree, { update, remove }: Of<'config'>['value']): void {
  for (const item of update) tree.set(item)
  for (const { path } of remove) tree.remove(path)
}

/** What `read` gives; undefined where it meets values that are not JSON. */
function readable<T>(read: () => T, onDamage: (what: string) => void = () => {}): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    onDamage('a record whose values are not JSON')
    return undefined
  }
}
