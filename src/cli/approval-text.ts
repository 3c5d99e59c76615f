import type { Approval } from '@gyre/sdk/wire/model'

/**
 * Whose approvals count, the first of them first, each once with what they said last; where nobody's does, one line
 * that says so, and who decided last.
 */
export function approvalLines(
  standing: readonly Approval[],
  all: readonly Approval[],
): readonly string[] {
  const byActor = new Map(standing.map((given) => [given.actor, given]))
  if (byActor.size > 0) return [...byActor.values()].map(approvalText)
  const last = all.at(-1)
  if (!last) return ['nobody']
  return [
    last.decision === 'rejected'
      ? `nobody; rejected by ${approvalText(last)}`
      : `nobody; other gates have judged it since ${approvalText(last)}`,
  ]
}

function approvalText({ actor, at, note }: Approval): string {
  return `${actor} at ${at}${note ? `: ${note}` : ''}`
}
