import type { Approval } from '@gyre/sdk/wire/model'

/**
 * Who approved since the last rejection, the first of them first, each once with what they said last; where nobody
 * did, one line that says so, and who rejected.
 */
export function approvalLines(approvals: readonly Approval[]): readonly string[] {
  const rejection = approvals.findLastIndex(({ decision }) => decision === 'rejected')
  const standing = new Map(approvals.slice(rejection + 1).map((given) => [given.actor, given]))
  if (standing.size > 0) return [...standing.values()].map(approvalText)
  const rejected = approvals[rejection]
  return [rejected ? `nobody; rejected by ${approvalText(rejected)}` : 'nobody']
}

function approvalText({ actor, at, note }: Approval): string {
  return `${actor} at ${at}${note ? `: ${note}` : ''}`
}
