import type { Column, ColumnValues } from './column.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined, type Loader } from './definition.ts'
import type { TransformInput } from './model-input.ts'
import { checkName } from './name.ts'
import { recordOf } from './record.ts'

type Fields = Readonly<Record<string, Column>>

/** Request fields to numbers; null is a missing value. Pure: it runs in training and in serving alike. */
export type TransformFunction<From, Gives extends string> = (
  input: Readonly<From>,
) => Readonly<Record<Gives, number | null>>

/** Its outputs are members by name, ready to be an input of a model: `calendar.hour`. */
export type Transform<Gives extends string = string> = Defined<'transform'> &
  Readonly<Record<Gives, TransformInput>>

/** What a function of yours reads and gives. */
export interface TransformOptions<C extends Fields, K extends keyof C & string, G extends string> {
  /** What has these fields: a dataset, or anything else with `columns`. */
  readonly of: { readonly columns: C }
  /** The fields it reads. */
  readonly from: readonly K[]
  /** The numbers it gives; each is an input of that name. */
  readonly gives: readonly G[]
}

/** Defines numbers computed by your own function from the fields of a request. */
export function transform<C extends Fields, K extends keyof C & string, const G extends string>(
  name: string,
  options: TransformOptions<C, K, G>,
  load: Loader<TransformFunction<ColumnValues<Pick<C, K>>, G>>,
): Transform<G> {
  const here = `transform ${name}`
  checkName('transform', name)
  const { of, from, gives } = options
  for (const [member, names] of Object.entries({ from, gives })) {
    if (names.length === 0) throw new DefinitionError(`${here}.${member}`, 'expected a name')
    for (const each of names) checkName(`${here}.${member}`, each)
  }
  const missing = from.find((each) => !Object.hasOwn(of.columns, each))
  if (missing) throw new DefinitionError(`${here}.from`, `there is no column ${missing}`)
  const inputs = recordOf(gives, (output): TransformInput => ({
    kind: 'transform',
    name: output,
    transform: name,
    output,
  }))
  const spec = { name, from: [...from], gives: [...gives], load }
  return { [DEFINITION]: { kind: 'transform', spec }, ...inputs }
}
