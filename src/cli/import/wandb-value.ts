import type { WandbItem } from '../../core/formats/wandb-record.ts'

/** A value that is no object, under the keys of the objects around it. */
export interface Leaf {
  readonly path: readonly string[]
  /** Text as it is, anything else as JSON: whole numbers of any size keep all digits. */
  readonly text: string
  /** What a metric can hold of it: numbers, and 1 and 0 for true and false. */
  readonly number: number | undefined
  readonly isText: boolean
}

/** What JSON cannot say, and Python's does; and whole numbers that a double cannot hold. */
const SPECIAL = /"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g

/** Begins the text that stands for one of those. No other text of a JSON document begins so, escaped as it is. */
const MARK = '\u0000number:'

function parse(json: string): unknown {
  const plain = json.replaceAll(SPECIAL, (token) =>
    token.startsWith('"') ? token : JSON.stringify(MARK + token),
  )
  return JSON.parse(plain)
}

/** The leaves of what W&B logged under some keys. Throws SyntaxError for what is not the JSON of Python. */
export function leavesOf({ path, json }: WandbItem): Leaf[] {
  return [...leaves(path, parse(json))]
}

function* leaves(path: readonly string[], value: unknown): Generator<Leaf> {
  if (isObject(value))
    for (const [key, inner] of Object.entries(value)) yield* leaves([...path, key], inner)
  else yield toLeaf(path, value)
}

function toLeaf(path: readonly string[], value: unknown): Leaf {
  if (typeof value === 'string' && value.startsWith(MARK)) {
    const text = value.slice(MARK.length)
    return { path, text, number: Number(text), isText: false }
  }
  if (typeof value === 'string') return { path, text: value, number: undefined, isText: true }
  const number = typeof value === 'number' || typeof value === 'boolean' ? Number(value) : undefined
  return { path, text: unmark(JSON.stringify(value)), number, isText: false }
}

/** Special numbers in a list, as they stood there. */
function unmark(json: string): string {
  return json.replaceAll(/"\\u0000number:([^"]*)"/g, '$1')
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** W&B's own keys: counters that points carry already, and notes to itself. */
const OWN = new Set(['_step', '_timestamp', '_runtime', '_wandb'])

export function isOwn({ path }: { readonly path: readonly string[] }): boolean {
  return OWN.has(path[0] ?? '')
}

/** Leaves apart from the objects that W&B gives a type: images, histograms, tables. */
export interface Sorted {
  readonly plain: readonly Leaf[]
  /** Keys of the typed ones. */
  readonly media: ReadonlySet<string>
}

export function sortLeaves(all: readonly Leaf[]): Sorted {
  const typed = new Set(
    all.filter(({ path }) => path.at(-1) === '_type').map(({ path }) => keyOf(path.slice(0, -1))),
  )
  if (typed.size === 0) return { plain: all, media: typed }
  const isTyped = ({ path }: Leaf) => path.some((_, i) => typed.has(keyOf(path.slice(0, i))))
  return { plain: all.filter((leaf) => !isTyped(leaf)), media: typed }
}

/** A key in a key, as W&B shows it. */
export function keyOf(path: readonly string[]): string {
  return path.join('.')
}
