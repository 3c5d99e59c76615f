import { fieldColumns, type FieldTypes } from './field-columns.ts'

/** SQL of the training rows in joined predictions: answered, understood, labelled, with request fields. */
export function labelledSql(joined: string, types: FieldTypes): string {
  const columns = [
    'id',
    'subject',
    'epoch_ms(at_ms) AS at',
    ...fieldColumns(types, ''),
    'label',
    'epoch_ms(label_known_ms) AS known_at',
  ]
  return `(
    SELECT ${columns.join(', ')} FROM ${joined}
    WHERE status = 'ok' AND NOT quarantined AND fields IS NOT NULL AND label IS NOT NULL
  )`
}
