import type { ProjectCard } from '@gyre/sdk/wire/manifest'
import { literal } from './literal.ts'

/** `gyre.config.ts` of a new project, with the answers in its card. */
export function configText({ name, ...card }: ProjectCard & { readonly name: string }): string {
  return `import {
  csv,
  dataset,
  day,
  duration,
  endpoint,
  field,
  gate,
  int,
  monitor,
  pipeline,
  project,
  rate,
  register,
  step,
  text,
  timestamp,
  trainingSet,
} from '@gyre/sdk'

export const card = project(${literal(name)}, {
  task: ${literal(card.task)},
  metric: ${literal(card.metric)},
  baseline: ${literal(card.baseline)},
  thresholds: ${literal(card.thresholds)},
  owner: ${literal(card.owner)},
})

/** Made-up rows; put your own file in their place and say what its columns must be. */
export const customers = dataset('customers', {
  source: csv('./data/customers.csv'),
  columns: {
    customer: text().unique(),
    signed_up: timestamp(),
    plan: text().oneOf(['free', 'team', 'firm']),
    visits: int().between(0, 1000),
    tickets: int().between(0, 100),
    churned: int().between(0, 1),
  },
  derive: { known_at: 'signed_up + to_days(30)' },
  subject: 'customer',
  at: 'signed_up',
  label: { column: 'churned', knownAt: 'known_at' },
})

/** What a request sends. */
const asked = {
  model: ${literal(name)},
  subject: 'customer',
  input: {
    plan: text().oneOf(['free', 'team', 'firm']),
    visits: int().between(0, 1000),
    tickets: int().between(0, 100),
  },
}
export const serving = endpoint(${literal(name)}, asked)
/** Where a version is tried first (scripts/deploy.sh staging). */
export const staging = endpoint(${literal(`${name}-staging`)}, asked)

export const train = pipeline(
  'train',
  { until: day('2026-02-01T00:00:00Z'), window: duration('400d'), seed: int(7) },
  ({ until, window, seed }) => {
    const rows = trainingSet('rows', {
      from: customers,
      until,
      window,
      holdout: '90d',
      inputs: [field('visits'), field('tickets'), rate('plan')],
    })
    const fit = step('fit', async () => (await import('./steps/fit.ts')).fit)
    const baseline = step('baseline', async () => (await import('./steps/baseline.ts')).baseline)

    const model = fit({ rows: rows.train, seed })
    const verdict = gate(
      'good-enough',
      { candidate: model, baseline: baseline({ rows: rows.train }), rows: rows.newest },
      card.thresholds,
      { champion: serving },
    )
    register(${literal(name)}, { model, verdict })
  },
)

export const watch = monitor('weekly', {
  endpoint: serving,
  every: '7d',
  from: '2026-02-01T00:00:00Z',
  lag: '30d',
})
`
}
