/** What user code got wrong in a definition. `field` is its place: `pipeline train.step fit.seed`. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError'
  readonly code = 'INVALID_ARGUMENT'
  readonly field: string

  constructor(field: string, problem: string) {
    super(`${field}: ${problem}`)
    this.field = field
  }
}
