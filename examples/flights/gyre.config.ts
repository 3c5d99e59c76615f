import {
  canary,
  dataset,
  day,
  duration,
  endpoint,
  featureView,
  field,
  gate,
  int,
  last,
  mean,
  monitor,
  number,
  onDrift,
  onQuality,
  onSchedule,
  parquet,
  pipeline,
  project,
  rate,
  register,
  step,
  text,
  timestamp,
  trainingSet,
  transform,
  trigger,
} from '@gyre/sdk'

/** The demo learns from and predicts every 20th flight; the delay rates are computed from all of them. */
const EVERY_KTH = 20

/** January is history; from here on Gyre learns from what it served itself. */
const GOES_LIVE = '2001-02-01T00:00:00Z'

const airport = text(/^[A-Z]{3}$/)

export const card = project('flights', {
  task: 'Will this flight be more than 15 minutes late?',
  metric: 'auc',
  baseline: 'logistic regression on the same inputs',
  thresholds: {
    auc: { atLeast: 0.66, notWorseThan: 'champion', margin: 0.005 },
    logLoss: { betterThan: 'baseline', notWorseThan: 'champion' },
  },
  owner: 'flight operations',
})

/** US domestic flights, January to June 2001. */
export const flights = dataset('flights', {
  source: parquet('vega-datasets/data/flights-3m.parquet'),
  columns: {
    date: timestamp(),
    delay: int().between(-120, 1800).mostly(0.999),
    distance: int().between(1, 6000),
    origin: airport,
    destination: airport,
  },
  derive: {
    late: 'delay > 15',
    // Known on landing: half an hour on the ground, 7.5 miles a minute (8 s a mile), and the delay.
    landed: 'date + to_minutes(30 + greatest(delay, 0)) + to_seconds(distance * 8)',
  },
  subject: 'flight',
  at: 'date',
  label: { column: 'late', knownAt: 'landed' },
})

/** How late the last two hours' landings were, as known at each half hour. */
const recentLandings = {
  from: flights,
  eventTime: 'landed',
  every: '30m',
  ttl: '6h',
  features: { lateRate: mean('late').over('2h') },
} as const

export const atOrigin = featureView('at_origin', { ...recentLandings, entity: 'origin' })
export const atDestination = featureView('at_destination', {
  ...recentLandings,
  entity: 'destination',
})
export const network = featureView('network', recentLandings)

/** The distance of a pair of airports, from the flights between them so far. */
export const pair = featureView('pair', {
  from: flights,
  entity: ['origin', 'destination'],
  eventTime: 'landed',
  every: '1d',
  ttl: '0',
  features: { distance: last('distance') },
})

export const calendar = transform(
  'calendar',
  { of: flights, from: ['date'], gives: ['hour', 'weekday'] },
  async () => (await import('./transforms/calendar.ts')).calendar,
)

export const delay = endpoint('flight-delay', {
  model: 'flight-delay',
  subject: 'flight',
  input: {
    date: timestamp(),
    origin: airport,
    destination: airport,
    distance: number().matches(pair.distance, { within: 0.02 }),
  },
})

export const train = pipeline(
  'train',
  { until: day(), window: duration('28d'), seed: int(7) },
  ({ until, window, seed }) => {
    const rows = trainingSet('rows', {
      from: flights,
      every: EVERY_KTH,
      historyBefore: GOES_LIVE,
      served: delay,
      until,
      window,
      holdout: '7d',
      inputs: [
        calendar.hour,
        calendar.weekday,
        field('distance'),
        rate('origin'),
        rate('destination'),
        atOrigin.lateRate,
        atDestination.lateRate,
        network.lateRate,
      ],
    })
    const fit = step('fit', async () => (await import('./steps/fit.ts')).fit)
    const baseline = step('baseline', async () => (await import('./steps/baseline.ts')).baseline)

    const model = fit({ rows: rows.train, seed })
    const verdict = gate(
      'worth-shipping',
      { candidate: model, baseline: baseline({ rows: rows.train }), rows: rows.newest },
      card.thresholds,
      { champion: delay },
    )
    register('flight-delay', { model, verdict }, { approvedBy: 'gate' })
  },
)

export const watch = monitor('flight-delay-weekly', {
  endpoint: delay,
  every: '7d',
  from: GOES_LIVE,
  lag: '2d',
  worseBy: 0.02,
})

export const keepFresh = trigger('keep-fresh', {
  on: delay,
  when: [onDrift(watch), onQuality(watch), onSchedule('28d')],
  run: train,
  until: 'until',
  with: { window: '28d' },
  cooldown: '14d',
  release: canary({ weight: 0.1, ceiling: 0.01 }),
})
