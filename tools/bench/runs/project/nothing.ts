import type { StepContext } from '@gyre/sdk'

export async function nothing(_ctx: StepContext, { at }: { at: number; seed: number }) {
  return { at }
}
