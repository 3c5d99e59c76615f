/**
 * MLflow's LIKE pattern (`%` any characters, `_` one, no escape) as SQLite's GLOB. SQLite's own LIKE ignores the
 * case of ASCII letters, GLOB does not; both count a character of any script as one.
 */
export function globPattern(like: string): string {
  return like.replaceAll(/[%_*?[]/g, (character) => GLOB[character] ?? character)
}

const GLOB: Readonly<Record<string, string>> = {
  '%': '*',
  _: '?',
  '*': '[*]',
  '?': '[?]',
  '[': '[[]',
}
