import { fileURLToPath } from 'node:url'

/** The pinned packages of a trainer that Gyre brings along. */
export const lockOf = (library: string) =>
  fileURLToPath(
    new URL(`../../../sdk/python/trainers/${library}/requirements.lock`, import.meta.url),
  )

/** A model of who leaves, learned by `trainer`, the second argument of `step` (and a third). */
export const configOf = (trainer: string) => `
import {
  boolean, csv, dataset, endpoint, field, gate, int, lightgbm, number, pipeline, register, sklearn, step,
  timestamp, trainingSet,
} from '@gyre/sdk'
export const customers = dataset('customers', {
  source: csv('./customers.csv'),
  columns: { at: timestamp(), visits: number().nullable(), spent: number(), left: boolean() },
  at: 'at',
  label: { column: 'left', knownAt: 'at' },
})
export const churn = endpoint('churn', {
  model: 'churn',
  subject: 'customer',
  input: { visits: number().nullable(), spent: number().nullable() },
})
export const train = pipeline('train', { seed: int(7) }, ({ seed }) => {
  const rows = trainingSet('rows', {
    from: customers,
    until: '2026-02-01T00:00:00Z',
    window: '31d',
    holdout: '6d',
    inputs: [field('visits'), field('spent')],
  })
  const model = step('fit', ${trainer})({ rows: rows.train, seed })
  const verdict = gate('good', { candidate: model, rows: rows.newest }, { auc: { atLeast: 0.6 } })
  register('churn', { model, verdict }, { approvedBy: 'gate' })
})
`

/** An hour a row; every ninth customer's visits are unknown, what they spent never is. */
export function customers(): string {
  const rows = Array.from({ length: 744 }, (_, hour) => {
    const at = new Date(Date.UTC(2026, 0, 1, hour)).toISOString()
    const visits = ((hour * 7919) % 101) / 10
    const spent = ((hour * 104_729) % 1009) / 7 - 50
    const noise = ((hour * 15_485_863) % 97) / 97
    const left = visits / 10 + (spent > 20 ? 0.4 : 0) + noise > 1.2
    return [at, hour % 9 === 0 ? '' : visits, spent, left].join(',')
  })
  return `at,visits,spent,left\n${rows.join('\n')}\n`
}
