/** The moments at which git asks. */
export const HOOKS = ['pre-push', 'pre-commit'] as const

export type Hook = (typeof HOOKS)[number]

/** By this line a hook of ours is known, and may be written anew. */
export const MARK = '# Written by gyre ci init hook.'

export interface HookPlace {
  /** The project's folder from the root of the repository. */
  readonly inside: string
  /** The program that is asked, with its first arguments. */
  readonly command: readonly string[]
  /** Options of `gyre ci`. */
  readonly options: readonly string[]
}

/**
 * A git hook that blocks unless `gyre ci` passes. What is judged is the folder as it is, so it must be what is
 * pushed (or committed): where it is not, the hook says so and blocks.
 */
export function hookText(hook: Hook, { inside, command, options }: HookPlace): string {
  return `#!/bin/sh
${MARK} "git ${hook === 'pre-push' ? 'push' : 'commit'} --no-verify" goes past it.
root=$(git rev-parse --show-toplevel) || exit 1
cd "$root"/${quoted(inside === '' ? '.' : inside)} || exit 1
${hook === 'pre-push' ? PUSHED : COMMITTED}
# Git's own variables would send the tests' git commands into this repository.
unset $(git rev-parse --local-env-vars)
# A server that other commands speak to has judged another state than this one. One of its own has no champion: what a
# gate compares with one passes here. For yours: gyre ci init hook . -- --url URL
unset GYRE_URL
exec ${[...command, 'ci', '.', ...options].map(quoted).join(' ')} </dev/null
`
}

/** A file that git does not know is judged here and missing there. */
const UNTRACKED = `unknown=$(git ls-files --others --exclude-standard -- . | head -n 1)
if [ -n "$unknown" ]; then
  echo "gyre ci: $unknown is not in git: add it, or name it in .gitignore" >&2
  exit 1
fi`

/** Git gives a line a ref: local ref, local commit, remote ref, remote commit; a commit of zeros is a deletion. */
const PUSHED = `pushed=
while read -r _ commit _; do
  case $commit in *[!0]*) ;; *) continue ;; esac
  pushed=yes
  if ! git diff --quiet "$commit" -- .; then
    echo "gyre ci: this folder is not what is pushed: commit or stash your changes first" >&2
    exit 1
  fi
${UNTRACKED.replaceAll(/^/gm, '  ')}
done
[ -n "$pushed" ] || exit 0`

const COMMITTED = `if ! git diff --quiet -- .; then
  echo "gyre ci: this folder is not what is committed: stage or stash your changes first" >&2
  exit 1
fi
${UNTRACKED}`

function quoted(text: string): string {
  return /^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
