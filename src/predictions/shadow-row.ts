/** The columns of the stream `shadows`, in DuckDB's types. Times are epoch milliseconds. */
export const SHADOW_COLUMNS = {
  prediction_id: 'VARCHAR',
  project: 'VARCHAR',
  endpoint: 'VARCHAR',
  received_ms: 'BIGINT',
  release_id: 'VARCHAR',
  primary_model: 'VARCHAR',
  shadow_model: 'VARCHAR',
  /** `compared`, `failed` or `dropped`. */
  status: 'VARCHAR',
  error: 'VARCHAR',
  /** SHA-256 of what the model was asked. */
  inputs: 'VARCHAR',
  agree: 'BOOLEAN',
  max_abs_diff: 'DOUBLE',
  primary_ms: 'DOUBLE',
  shadow_ms: 'DOUBLE',
} as const

/** What a shadow made of one prediction. */
export interface LoggedShadow {
  readonly predictionId: string
  readonly project: string
  readonly endpoint: string
  readonly receivedMs: number
  readonly releaseId: string
  readonly primary: string
  readonly shadow: string
  readonly status: 'compared' | 'failed' | 'dropped'
  readonly error?: string
  readonly inputs?: string
  readonly agree?: boolean
  readonly maxAbsDiff?: number | null
  readonly primaryMs?: number
  readonly shadowMs?: number
}

/** The row as the stream keeps it. */
export function toShadowRow(logged: LoggedShadow): {
  [K in keyof typeof SHADOW_COLUMNS]?: unknown
} {
  return {
    prediction_id: logged.predictionId,
    project: logged.project,
    endpoint: logged.endpoint,
    received_ms: logged.receivedMs,
    release_id: logged.releaseId,
    primary_model: logged.primary,
    shadow_model: logged.shadow,
    status: logged.status,
    error: logged.error,
    inputs: logged.inputs,
    agree: logged.agree,
    max_abs_diff: logged.maxAbsDiff,
    primary_ms: logged.primaryMs,
    shadow_ms: logged.shadowMs,
  }
}
