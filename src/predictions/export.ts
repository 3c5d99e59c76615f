import { sqlText } from '../store/analytics.ts'
import { fieldColumns, type FieldTypes } from './field-columns.ts'
import { inputColumns, type InputNames } from './input-columns.ts'

/**
 * SQL that writes joined predictions to a Parquet file, one row each, by event time: what was asked
 * (`request_…`), what the model saw (`input_…`), what was answered by whom, and the label.
 */
export function exportSql(
  joined: string,
  names: InputNames,
  types: FieldTypes,
  path: string,
): string {
  const columns = [
    'id',
    'subject',
    'epoch_ms(at_ms) AS at',
    'epoch_ms(received_ms) AS received_at',
    'model AS model_version',
    'variant',
    'sticky',
    'randomised',
    'weight_bp',
    'rev AS route_rev',
    'status',
    'error',
    'quarantined',
    'reasons',
    ...fieldColumns(types, 'request_'),
    ...inputColumns(names, 'input_'),
    'score',
    'prediction',
    'label',
    'epoch_ms(label_known_ms) AS label_known_at',
    'latency_ms',
  ]
  return `COPY (SELECT ${columns.join(', ')} FROM ${joined} ORDER BY at_ms, id) TO ${sqlText(path)} (FORMAT parquet, COMPRESSION zstd)`
}
