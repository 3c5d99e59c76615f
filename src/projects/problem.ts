/** One thing that is wrong with a manifest, and where. */
export interface Problem {
  /** `endpoints.flight-delay.input.origin`. */
  readonly field: string
  readonly message: string
}
