import type { Verdict } from '@gyre/sdk/wire/gate'
import type { ModelVersion } from '@gyre/sdk/wire/model'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Tx } from '../store/catalog.ts'
import { commandWord } from './version-key.ts'

/** What the gates said, read within the unit that acts on it. */
export interface Verdicts {
  /** The newest passing verdict of a model's files, if no gate in force refuses them; under exactly these rules when a digest is given. */
  readonly passing: (
    tx: Tx,
    ctx: Context,
    modelDigest: string,
    gateDigest?: string,
  ) => Promise<Verdict | undefined>
  /** The newest verdict of each gate in force that judged a model's files. */
  readonly standing: (tx: Tx, ctx: Context, modelDigest: string) => Promise<readonly Verdict[]>
  /** The same of gates that the project's code declares no more. */
  readonly lapsed: (tx: Tx, ctx: Context, modelDigest: string) => Promise<readonly Verdict[]>
}

/** The verdict that lets a version into production. Throws GATE_REFUSED with the gates' reasons when there is none. */
export async function assertPassed(
  verdicts: Verdicts,
  tx: Tx,
  ctx: Context,
  version: ModelVersion,
): Promise<Verdict> {
  const verdict = await verdicts.passing(tx, ctx, version.digest)
  if (verdict) return verdict
  const reasons = (await verdicts.standing(tx, ctx, version.digest)).flatMap(reasonsOf)
  const command = `gyre release ENDPOINT ${commandWord(version)} --force REASON`
  const lapsed = (await verdicts.lapsed(tx, ctx, version.digest)).map(lapsedText)
  const about = [...reasons, ...lapsed]
  const because = about.length === 0 ? '' : ` (${about.join('; ')})`
  throw new GyreError(
    'GATE_REFUSED',
    `${version.ref} has no passing verdict${because}: run its gate again with "gyre pipeline run PIPELINE", or override it with "${command}"`,
    { ref: version.ref, command, reasons, lapsed },
  )
}

/** `worth-shipping: auc: …` for each check that failed. */
function reasonsOf({ gate, checks }: Verdict): readonly string[] {
  return checks
    .filter(({ passed }) => !passed)
    .map(({ metric, reason }) => `${gate}: ${metric}: ${reason}`)
}

function lapsedText({ gate, passed }: Verdict): string {
  return `${gate} ${passed ? 'passed' : 'refused'} it, which counts no more: the project's code has no such gate now`
}
