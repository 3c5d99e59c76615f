import type { Column } from './column.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined } from './definition.ts'
import { checkName } from './name.ts'

/** Which model answers, and what a request says. */
export interface EndpointOptions {
  /** Registered model whose versions may be released here. */
  readonly model: string
  /** What one prediction is about; its id decides the arm of a canary and joins the label. */
  readonly subject: string
  /** Where its id is looked for in a request that does not say `subject`: a header, or a field of the input. */
  readonly subjectFrom?: { readonly header: string } | { readonly field: string }
  /** What a request sends; everything else is looked up. */
  readonly input: Readonly<Record<string, Column>>
  /** A probability from here on is answered as 1; 0.5 unless told. */
  readonly threshold?: number
}

/** Where predictions are asked for; handed to gates, monitors, triggers and training sets. */
export type Endpoint = Defined<'endpoint'>

/** Defines where predictions are asked for: `POST /predict/NAME`. */
export function endpoint(name: string, options: EndpointOptions): Endpoint {
  const here = `endpoint ${name}`
  const { model, subject, subjectFrom, input, threshold } = options
  checkName('endpoint', name)
  checkName(`${here}.model`, model)
  checkName(`${here}.subject`, subject)
  if (threshold !== undefined && !(threshold >= 0 && threshold <= 1))
    throw new DefinitionError(`${here}.threshold`, `expected 0 to 1, got ${threshold}`)
  const fields = Object.entries(input).map(([field, { contract }]) => {
    checkName(`${here}.input`, field)
    if (contract === undefined)
      throw new DefinitionError(
        `${here}.input.${field}`,
        'expected a field such as int() or text()',
      )
    if (contract.mostly !== undefined || contract.unique !== undefined)
      throw new DefinitionError(
        `${here}.input.${field}`,
        'mostly and unique are about many rows, not about one request',
      )
    return [field, contract] as const
  })
  if (fields.length === 0) throw new DefinitionError(`${here}.input`, 'expected at least one field')
  checkSubjectFrom(`${here}.subjectFrom`, subjectFrom, Object.keys(input))
  const spec = {
    name,
    model,
    subject,
    ...(subjectFrom && { subjectFrom }),
    input: Object.fromEntries(fields),
    ...(threshold !== undefined && { threshold }),
  }
  return { [DEFINITION]: { kind: 'endpoint', spec } }
}

function checkSubjectFrom(
  here: string,
  from: EndpointOptions['subjectFrom'],
  fields: readonly string[],
): void {
  if (from === undefined) return
  if ('header' in from && !/^[a-z0-9-]{1,64}$/.test(from.header))
    throw new DefinitionError(
      here,
      `expected the name of a header in lower case, got ${from.header}`,
    )
  if ('field' in from && !fields.includes(from.field))
    throw new DefinitionError(here, `expected one of ${fields.join(', ')}, got ${from.field}`)
}
