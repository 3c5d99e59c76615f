import type { BenchLine, Bound } from '../line.ts'
import type { LoadPlan } from '../load.ts'
import { median } from '../median.ts'
import type { Program } from '../program.ts'
import { roundOver, type Round } from '../round.ts'
import type { Mlflow } from './mlflow.ts'

/** Gyre's round and those of its peers right after it. */
export interface Turn {
  readonly ours: Round
  readonly theirs: readonly { readonly name: string; readonly round: Round | undefined }[]
}

/** What is asked of one of them in one round. */
type PlanOf = (program: Program, isPeer: boolean) => Promise<Omit<LoadPlan, 'port'>>

/** Gyre and its peers in turn, `repeats` times, after a round that warms them all and does not count. */
export async function takeTurns(
  gyre: Program,
  peers: readonly Mlflow[],
  repeats: number,
  planOf: PlanOf,
): Promise<readonly Turn[]> {
  const turns: Turn[] = []
  for (let repeat = 0; repeat <= repeats; repeat++) {
    const ours = await roundOver(gyre, await planOf(gyre, false))
    const theirs: Turn['theirs'][number][] = []
    for (const peer of peers) {
      // Where MLflow fails (`database is locked`) it has no figure for this turn.
      const round = await roundOver(peer, await planOf(peer, true)).catch(() => undefined)
      theirs.push({ name: peer.name, round })
    }
    if (repeat > 0) turns.push({ ours, theirs })
  }
  return turns
}

/** What a line tells besides its figures. */
export interface Told {
  readonly name: string
  readonly unit: string
  readonly bound?: Bound
  readonly note?: string
}

/** A rate beside that of the peer which was faster; `each` is what one request counts for. */
export function rateLine(turns: readonly Turn[], told: Told, each = 1): BenchLine {
  const ours = turns.map((turn) => turn.ours.perSecond * each)
  const rates = (turns[0]?.theirs ?? []).map(({ name }, i) => ({
    name,
    values: turns.map((turn) => (turn.theirs[i]?.round?.perSecond ?? Number.NaN) * each),
  }))
  const [best] = rates.toSorted((a, b) => (median(b.values) || 0) - (median(a.values) || 0))
  return { ...told, ours: median(ours), ...(best ? { peer: peerOf(ours, best) } : {}) }
}

function peerOf(
  ours: readonly number[],
  { name, values }: { readonly name: string; readonly values: readonly number[] },
): NonNullable<BenchLine['peer']> {
  const ratio = median(ours.map((value, i) => value / (values[i] ?? Number.NaN)))
  return { name, value: median(values), ratio }
}
