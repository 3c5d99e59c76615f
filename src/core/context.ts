/** Who asks, in which project, under which request: the first argument of every verb that acts. */
export interface Context {
  readonly project: string
  /** `local`, `anonymous`, `key:NAME`, `policy:NAME`, `loop:NAME` or `step:RUN/STEP/FENCE`. */
  readonly actor: string
  readonly requestId: string
}
