import { assertKey, assertLength } from '../core/label-key.ts'

export interface Tag {
  readonly key: string
  readonly value: string
}

/** MLflow's limit on a tag's value; the text of a prompt is one. In characters. */
const MAX_VALUE = 100_000

/** Throws INVALID_ARGUMENT unless a model or a version may be tagged so. */
export function assertModelTag({ key, value }: Tag): void {
  assertKey(key, 'key')
  assertLength(value, MAX_VALUE, 'value')
}

/** Throws INVALID_ARGUMENT past the length of a tag. */
export function assertDescription(description: string): void {
  assertLength(description, MAX_VALUE, 'description')
}

/** The last value of each key. Throws INVALID_ARGUMENT. */
export function toTags(tags: readonly Tag[]): readonly Tag[] {
  for (const tag of tags) assertModelTag(tag)
  return [...new Map(tags.map((tag) => [tag.key, tag])).values()]
}

/** On a model, and on each of its versions, that MLflow's clients keep as a prompt. */
export const PROMPT_TAG = 'mlflow.prompt.is_prompt'

/** True of what MLflow's clients keep as a prompt: a model without files, its text a tag. */
export function isPrompt(tags: readonly Tag[]): boolean {
  const tag = tags.findLast(({ key }) => key === PROMPT_TAG)
  return tag?.value.toLowerCase() === 'true'
}
