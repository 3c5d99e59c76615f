import { z } from 'zod'

/** `sha256:` and 64 lower-case hexadecimal digits. */
export const ArtifactDigest = z.templateLiteral(['sha256:', z.string().regex(/^[0-9a-f]{64}$/)])
export type ArtifactDigest = z.infer<typeof ArtifactDigest>

/** Immutable bytes named by their content. */
export const Artifact = z.strictObject({
  digest: ArtifactDigest,
  bytes: z.number().int().nonnegative(),
  mediaType: z.string().min(1),
})
export type Artifact = z.infer<typeof Artifact>

/** The media type of the JSON manifest that makes a folder out of artifacts. */
export const TREE_MEDIA_TYPE = 'application/vnd.gyre.tree+json'

/** The media type of a checkpoint that the trainers of a step have made; any other is the step's own code's. */
export const TRAINING_MEDIA_TYPE = 'application/vnd.gyre.training'

/** A relative path of `/`-separated names: no empty part, no `.` or `..`, no backslash, no control character. */
export const TreePath = z
  .string()
  .min(1)
  .max(1024)
  .refine((path) => path.split('/').every(isPlainName), {
    error: 'expected a relative path without empty, "." or ".." parts',
  })

export const TreeEntry = z.strictObject({ path: TreePath, artifact: Artifact })
export type TreeEntry = z.infer<typeof TreeEntry>

/** A folder: its files sorted by path, each path once. */
export const Tree = z.strictObject({ entries: z.array(TreeEntry) })
export type Tree = z.infer<typeof Tree>

function isPlainName(name: string): boolean {
  if (name === '' || name === '.' || name === '..') return false
  for (const char of name) if (char === '\\' || char < ' ' || char === '\u007f') return false
  return true
}
