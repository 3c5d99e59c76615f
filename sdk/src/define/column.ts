import type { ColumnContract } from '../wire/dataset.ts'
import { DefinitionError } from './definition-error.ts'
import type { FeatureInput } from './model-input.ts'
import { param, type Param } from './param.ts'

declare const TYPE: unique symbol

/** What a column of a dataset, or a field of a request, must be. `T` is its value in user code. */
export interface Column<T = unknown> {
  readonly contract: ColumnContract
  readonly [TYPE]?: T
  /** The share of rows that must comply, above 0 and up to 1; all of them unless told. */
  mostly(share: number): Column<T>
  /** It may be missing; without this a missing value breaks the contract. */
  nullable(): Column<T | null>
  /** No two rows have the same. */
  unique(): Column<T>
}

/** A column of numbers. Rules narrow it one after the other; each gives a new column. */
export interface NumberColumn<T = number> extends Column<T> {
  /** Both bounds belong to the range. */
  between(min: number, max: number): NumberColumn<T>
  /**
   * Must lie within a relative distance of a feature looked up by the entity columns of its view:
   * `within: 0.02` is two per cent. A request that does not is answered and quarantined.
   */
  matches(feature: FeatureInput, tolerance: { readonly within: number }): NumberColumn<T>
  mostly(share: number): NumberColumn<T>
  nullable(): NumberColumn<T | null>
  unique(): NumberColumn<T>
}

/** A column of text. */
export interface TextColumn<T = string> extends Column<T> {
  /** One of these, letter for letter. */
  oneOf(values: readonly string[]): TextColumn<T>
  mostly(share: number): TextColumn<T>
  nullable(): TextColumn<T | null>
  unique(): TextColumn<T>
}

/** The type in user code of each of a set of columns. */
export type ColumnValues<C> = { [K in keyof C]: C[K] extends Column<infer T> ? T : never }

/** A moment in UTC; user code sees a `Date`. */
export function timestamp(): Column<Date> {
  return column({ type: 'timestamp' })
}

/** A column of whole numbers, or a parameter; with a preset, a parameter alone. */
export function int(): NumberColumn & Param<'int'>
/** A parameter of whole numbers with a preset. Throws DefinitionError for a fraction, or beyond ±2^53. */
export function int(preset: number): Param<'int'>
export function int(preset?: number): Partial<NumberColumn> & Param<'int'> {
  if (preset === undefined) return { ...numberColumn({ type: 'int' }), ...param('int', preset) }
  if (!Number.isSafeInteger(preset))
    throw new DefinitionError('int', `expected a whole number, got ${preset}`)
  return param('int', preset)
}

/** A column of numbers, or a parameter; with a preset, a parameter alone. */
export function number(): NumberColumn & Param<'number'>
/** A parameter of numbers with a preset. Throws DefinitionError where it is not finite. */
export function number(preset: number): Param<'number'>
export function number(preset?: number): Partial<NumberColumn> & Param<'number'> {
  if (preset === undefined)
    return { ...numberColumn({ type: 'number' }), ...param('number', preset) }
  if (!Number.isFinite(preset))
    throw new DefinitionError('number', `expected a finite number, got ${preset}`)
  return param('number', preset)
}

/** A column of text; `pattern` is RE2's kind (no look-around) and not anchored. With a preset, a parameter. */
export function text(): TextColumn & Param<'text'>
/** A column of text like `pattern`. Throws DefinitionError where that has flags. */
export function text(pattern: RegExp): TextColumn
/** A parameter of text with a preset. */
export function text(preset: string): Param<'text'>
export function text(given?: RegExp | string): Partial<TextColumn> & Partial<Param<'text'>> {
  if (given === undefined) return { ...textColumn({ type: 'text' }), ...param('text', given) }
  if (typeof given === 'string') return param('text', given)
  if (given.flags !== '')
    throw new DefinitionError('text', `expected a pattern without flags, got ${String(given)}`)
  return textColumn({ type: 'text', pattern: given.source })
}

/** A column of true and false, or a parameter. */
export function boolean(): Column<boolean> & Param<'boolean'>
/** A parameter of true and false with a preset. */
export function boolean(preset: boolean): Param<'boolean'>
export function boolean(preset?: boolean): Partial<Column<boolean>> & Param<'boolean'> {
  const asParam = param('boolean', preset)
  return preset === undefined ? { ...column<boolean>({ type: 'boolean' }), ...asParam } : asParam
}

function column<T>(contract: ColumnContract): Column<T> {
  return {
    contract,
    mostly: (share) => column({ ...contract, mostly: checkedShare(share) }),
    nullable: () => column({ ...contract, nullable: true }),
    unique: () => column({ ...contract, unique: true }),
  }
}

function numberColumn<T>(contract: ColumnContract): NumberColumn<T> {
  return {
    contract,
    between: (min, max) => numberColumn({ ...contract, ...checkedRange(min, max) }),
    matches: ({ view, feature }, { within }) =>
      numberColumn({ ...contract, matches: { view, feature, within: checkedShare(within) } }),
    mostly: (share) => numberColumn({ ...contract, mostly: checkedShare(share) }),
    nullable: () => numberColumn({ ...contract, nullable: true }),
    unique: () => numberColumn({ ...contract, unique: true }),
  }
}

function textColumn<T>(contract: ColumnContract): TextColumn<T> {
  return {
    contract,
    oneOf: (values) => textColumn({ ...contract, oneOf: [...values] }),
    mostly: (share) => textColumn({ ...contract, mostly: checkedShare(share) }),
    nullable: () => textColumn({ ...contract, nullable: true }),
    unique: () => textColumn({ ...contract, unique: true }),
  }
}

function checkedShare(share: number): number {
  if (share > 0 && share <= 1) return share
  throw new DefinitionError('column', `expected a share above 0 and up to 1, got ${share}`)
}

function checkedRange(min: number, max: number): { min: number; max: number } {
  if (Number.isFinite(min) && Number.isFinite(max) && min <= max) return { min, max }
  throw new DefinitionError('column', `between(${min}, ${max}): expected the lower bound first`)
}
