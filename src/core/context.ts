/** Who asks, in which project, under which request: the first argument of every verb that acts. */
export interface Context {
  readonly project: string
  /** `local`, `key:NAME`, `policy:NAME` or `loop:NAME`. */
  readonly actor: string
  readonly requestId: string
}
