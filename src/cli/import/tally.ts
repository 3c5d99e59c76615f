import { table } from '../table.ts'

/** What became of a thing that the source has. */
export type Fate = 'imported' | 'there' | 'leftOut' | 'refused'

/** Found is all of them. */
export type Counts = Readonly<Record<Fate | 'found', number>>

export interface Refusal {
  readonly kind: string
  readonly what: string
  readonly reason: string
}

/** Counts of everything that an import met: nothing is found without a fate. */
export interface Tally {
  /** Things of a kind that the source has. */
  find(kind: string, count?: number): void
  /** What became of things that were found. */
  settle(kind: string, fate: 'imported' | 'there', count?: number): void
  /** Things that were found and did not come, by name. */
  refuse(kind: string, what: string, reason: string, count?: number): void
  /** Things that were not known to be there before they were refused. */
  miss(kind: string, what: string, reason: string, count?: number): void
  /** Things that were found and are refused with what they belong to: counted, without a line of their own. */
  drop(kind: string, count: number): void
  /** Puts down things that were found and are left out on purpose, and why. */
  leave(kind: string, reason: string, count?: number): void
  report(): Report
}

export interface Note {
  readonly kinds: readonly string[]
  readonly reason: string
}

export interface Report {
  /** By kind, in the order in which they were met. */
  readonly counts: Readonly<Record<string, Counts>>
  /** At most 10,000; the counts have them all. */
  readonly refusals: readonly Refusal[]
  /** Why kinds of things are left out. */
  readonly notes: readonly Note[]
  readonly refused: number
}

/** More lines than anybody reads; a broken file can have as many as it has lines. */
const MAX_REFUSALS = 10_000

export function createTally(): Tally {
  const counts = new Map<string, Record<Fate | 'found', number>>()
  const refusals: Refusal[] = []
  /** Kinds by the reason why they are left out. */
  const notes = new Map<string, Set<string>>()

  function add(kind: string, fate: Fate | 'found', count: number): void {
    const known = counts.get(kind) ?? { found: 0, imported: 0, there: 0, leftOut: 0, refused: 0 }
    known[fate] += count
    counts.set(kind, known)
  }

  function refuse(kind: string, what: string, reason: string, count = 1): void {
    add(kind, 'refused', count)
    if (refusals.length < MAX_REFUSALS) refusals.push({ kind, what, reason })
  }

  return {
    find: (kind, count = 1) => add(kind, 'found', count),
    settle: (kind, fate, count = 1) => add(kind, fate, count),
    refuse,
    drop: (kind, count) => add(kind, 'refused', count),
    miss(kind, what, reason, count = 1) {
      add(kind, 'found', count)
      refuse(kind, what, reason, count)
    },
    leave(kind, reason, count = 1) {
      add(kind, 'found', count)
      add(kind, 'leftOut', count)
      if (count > 0) notes.set(reason, (notes.get(reason) ?? new Set()).add(kind))
    },
    report() {
      const kinds = [...counts].filter(([, { found }]) => found > 0)
      return {
        counts: Object.fromEntries(kinds.map(([kind, known]) => [kind, { ...known }])),
        refusals,
        notes: [...notes].map(([reason, of]) => ({ kinds: [...of], reason })),
        refused: kinds.reduce((sum, [, { refused }]) => sum + refused, 0),
      }
    },
  }
}

/** Refusals that are printed; `--json` has more. */
const MAX_PRINTED = 50

/** A report as the command prints it. */
export function printReport({ counts, refusals, notes, refused }: Report): string {
  const rows = Object.entries(counts).map(([kind, known]) => [
    kind,
    known.found,
    known.imported,
    known.there,
    known.leftOut,
    known.refused,
  ])
  const lines = [
    table(['', 'found', 'imported', 'already there', 'left out', 'refused'], rows),
    ...notes.map((note) => `left out: ${note.kinds.join(', ')}: ${note.reason}`),
    ...refusals
      .slice(0, MAX_PRINTED)
      .map(({ kind, what, reason }) => `refused: ${kind}: ${what}: ${reason}`),
  ]
  if (refusals.length > MAX_PRINTED)
    lines.push(`… and ${refusals.length - MAX_PRINTED} more; --json FILE has them`)
  if (refused > 0) lines.push(`${refused} refused`)
  return lines.join('\n')
}
