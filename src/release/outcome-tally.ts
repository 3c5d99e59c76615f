import { ERRORS, SLOW } from './evidence.ts'

/** How one request ended while a canary was open. Only requests whose arm chance decided are evidence. */
export interface Outcome {
  readonly project: string
  readonly endpoint: string
  readonly releaseId: string
  readonly arm: 'stable' | 'canary'
  /** The canary's weight when the arm was chosen, in basis points. */
  readonly weightBp: number
  /** Undefined for a request that named none: each of its kind stands for itself. */
  readonly subject: string | undefined
  /** Connection error or 5xx. */
  readonly failed: boolean
  /** It took longer than the release's plan allows; undefined where the plan says nothing of it. */
  readonly slow?: boolean | undefined
}

/** Sums of one arm under one weight, of one kind of failure. */
export interface Cell {
  readonly metric: string
  readonly weightBp: number
  readonly arm: 'stable' | 'canary'
  readonly requests: number
  readonly failures: number
  /** Each once. */
  readonly failedSubjects: readonly string[]
  readonly failuresWithoutSubject: number
}

type CellKey = Pick<Cell, 'metric' | 'arm' | 'weightBp'>

interface ReleaseTally {
  readonly project: string
  readonly endpoint: string
  readonly releaseId: string
  readonly cells: readonly Cell[]
}

/** Sums of outcomes by release, arm and weight. */
export interface Tally {
  add(outcome: Outcome): void
  merge(other: Tally): void
  outcomes(): number
  releases(): readonly ReleaseTally[]
}

/** Names of failed subjects kept until the catalog takes them: by then the verdict has long been clear. */
const MAX_FAILED_SUBJECTS = 10_000

interface GrowingCell {
  readonly metric: string
  readonly weightBp: number
  readonly arm: 'stable' | 'canary'
  requests: number
  failures: number
  readonly failedSubjects: Set<string>
  failuresWithoutSubject: number
}

interface GrowingRelease {
  readonly project: string
  readonly endpoint: string
  readonly releaseId: string
  readonly cells: Map<string, GrowingCell>
}

export function createTally(): Tally {
  const releases = new Map<string, GrowingRelease>()
  let outcomes = 0

  function cellOf(
    { project, endpoint, releaseId }: Omit<ReleaseTally, 'cells'>,
    { metric, arm, weightBp }: CellKey,
  ): GrowingCell {
    const fresh: GrowingRelease = { project, endpoint, releaseId, cells: new Map() }
    const release = releases.get(releaseId) ?? fresh
    releases.set(releaseId, release)
    const key = `${metric} ${arm} ${weightBp}`
    const cell = release.cells.get(key) ?? emptyCell({ metric, arm, weightBp })
    release.cells.set(key, cell)
    return cell
  }

  function addTo(outcome: Outcome, metric: string, failed: boolean): void {
    const { subject } = outcome
    const cell = cellOf(outcome, { ...outcome, metric })
    cell.requests++
    if (!failed) return
    cell.failures++
    if (subject === undefined) cell.failuresWithoutSubject++
    else fail(cell, subject)
  }

  return {
    add(outcome) {
      const { failed, slow } = outcome
      outcomes++
      addTo(outcome, ERRORS, failed)
      if (slow !== undefined) addTo(outcome, SLOW, slow)
    },
    merge(other) {
      outcomes += other.outcomes()
      for (const release of other.releases())
        for (const from of release.cells) {
          const cell = cellOf(release, from)
          cell.requests += from.requests
          cell.failures += from.failures
          cell.failuresWithoutSubject += from.failuresWithoutSubject
          for (const subject of from.failedSubjects) fail(cell, subject)
        }
    },
    outcomes: () => outcomes,
    releases: () =>
      [...releases.values()].map(({ cells, ...release }) => ({
        ...release,
        cells: [...cells.values()].map((cell) => ({
          ...cell,
          failedSubjects: [...cell.failedSubjects],
        })),
      })),
  }
}

function fail(cell: GrowingCell, subject: string): void {
  if (cell.failedSubjects.size < MAX_FAILED_SUBJECTS) cell.failedSubjects.add(subject)
}

function emptyCell({ metric, arm, weightBp }: CellKey): GrowingCell {
  return {
    metric,
    arm,
    weightBp,
    requests: 0,
    failures: 0,
    failedSubjects: new Set(),
    failuresWithoutSubject: 0,
  }
}
