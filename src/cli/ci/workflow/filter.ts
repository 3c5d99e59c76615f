/**
 * Whether any of the texts passes a filter of GitHub's, as for `paths` and `branches`: `*` stops at a slash, `**` does
 * not, `?` and `+` repeat what stands before them, and a later `!pattern` takes away what an earlier one let in.
 */
export function passesFilter(patterns: readonly string[], texts: readonly string[]): boolean {
  const rules = patterns.map((pattern) => {
    const isNot = pattern.startsWith('!')
    return { isNot, matches: toRegExp(isNot ? pattern.slice(1) : pattern) }
  })
  return texts.some((text) => {
    const last = rules.findLast(({ matches }) => matches.test(text))
    return last !== undefined && !last.isNot
  })
}

function toRegExp(pattern: string): RegExp {
  // `**/` stands for no folder too.
  const body = pattern.replaceAll(/\*\*\/|\*\*|\*|\[[^\]]+\]|[?+]|\\.|./gs, (part) => {
    if (part === '**/') return '(?:.*/)?'
    if (part === '**') return '.*'
    if (part === '*') return '[^/]*'
    if (part === '?' || part === '+' || part.length > 1) return part
    return part.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`)
  })
  return new RegExp(`^${body}$`, 's')
}
