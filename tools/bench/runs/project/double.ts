import type { StepContext } from '@gyre/sdk'

export async function double(_ctx: StepContext, { n }: { n: number }) {
  return { double: 2 * n }
}
