import type { Approvers, Manifest } from '@gyre/sdk/wire/manifest'
import { Stage } from '@gyre/sdk/wire/stage'

/** What a project's code asks of a model before it is promoted. */
export interface ModelPolicy {
  /** True of a model that a pipeline registers: it does so with the verdict of a gate. */
  readonly gated: boolean
  readonly approvals: number
  /** Whose approvals count; null for everybody's who may approve. */
  readonly among: Approvers | null
  readonly fourEyes: boolean
  readonly forbids: readonly { readonly from: Stage; readonly to: Stage }[]
}

/** The policy for a model by the manifest in force; of a model that the code does not speak of nothing is asked. */
export function modelPolicy(manifest: Manifest | undefined, model: string): ModelPolicy {
  const { card, pipelines } = manifest ?? { card: null, pipelines: [] }
  const steps = pipelines.flatMap((pipeline) => pipeline.steps)
  const gated = steps.some((step) => step.kind === 'register' && step.model === model)
  const asked = (gated ? card?.approvals : undefined) ?? 1
  const { required, among = null } = typeof asked === 'number' ? { required: asked } : asked
  return {
    gated,
    approvals: required,
    among,
    fourEyes: card?.fourEyes === true,
    forbids: gated ? (card?.forbids ?? []).map(toMove) : [],
  }
}

/** The gates of all pipelines that the code declares: only these have a say in what is promoted. */
export function gateNames(manifest: Manifest | undefined): ReadonlySet<string> {
  const steps = (manifest?.pipelines ?? []).flatMap((pipeline) => pipeline.steps)
  return new Set(steps.filter(({ kind }) => kind === 'gate').map(({ name }) => name))
}

function toMove(text: string): { readonly from: Stage; readonly to: Stage } {
  const [from, to] = text.split('->')
  return { from: Stage.parse(from), to: Stage.parse(to) }
}
