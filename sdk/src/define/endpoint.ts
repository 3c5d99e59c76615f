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
  const { model, subject, input, threshold } = options
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
  const spec = {
    name,
    model,
    subject,
    input: Object.fromEntries(fields),
    ...(threshold !== undefined && { threshold }),
  }
  return { [DEFINITION]: { kind: 'endpoint', spec } }
}
