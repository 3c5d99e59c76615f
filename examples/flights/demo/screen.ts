import type { Event } from '@gyre/sdk/wire/event'
import type { MonitorWindow } from '@gyre/sdk/wire/monitor'
import { Presets, SingleBar } from 'cli-progress'

/** The replay as a person watches it: one moving bar where there is a terminal, plain lines everywhere. */
export interface Screen {
  line(text: string): void
  event(event: Event): void
  window(window: MonitorWindow): void
  progress(day: Date, done: number): void
  close(): void
}

const HEADING =
  'week        n      late    log loss  AUC     calib.   drift (worst PSI)         version'

export function createScreen(total: number): Screen {
  const isLive = process.stdout.isTTY
  const bar = new SingleBar(
    { format: '  {bar} {percentage} %  {day}  {value} of {total} flights', hideCursor: true },
    Presets.shades_classic,
  )
  let isHeaded = false
  let at = { day: '', done: 0 }

  function write(text: string): void {
    if (isLive) process.stdout.write('\u001b[2K\r')
    console.log(text)
    if (isLive && at.day !== '') bar.render()
  }

  return {
    line: write,
    event(event) {
      const text = describe(event)
      if (text !== undefined) write(`  ${dayOf(event)}  ${text}`)
    },
    window(window) {
      if (!isHeaded) write(HEADING)
      isHeaded = true
      write(row(window))
    },
    progress(day, done) {
      const isFirst = at.day === ''
      at = { day: day.toISOString().slice(0, 10), done }
      if (!isLive) return
      if (isFirst) bar.start(total, 0, at)
      bar.update(done, at)
    },
    close() {
      if (at.day !== '' && isLive) bar.stop()
    },
  }
}

/** The day in event time where the event knows it. */
function dayOf({ data }: Event): string {
  const at = data['at']
  return typeof at === 'string' ? at.slice(0, 10) : ' '.repeat(10)
}

function describe({ type, subject, data }: Event): string | undefined {
  switch (type) {
    case 'dataset.imported':
      return `imported ${subject.id}: ${data['rows']} rows`
    case 'pipeline.started':
      return `pipeline ${subject.id} started${data['trigger'] ? ` by ${String(data['trigger']).split('/')[0]}` : ''}`
    case 'gate.passed':
    case 'gate.refused':
      return `gate ${type.slice(5)}: ${data['gate'] ?? subject.id}`
    case 'model.registered':
    case 'model.approved':
      return `${subject.id} ${type.slice(6)}${data['by'] ? ` by ${data['by']}` : ''}`
    case 'release.opened':
    case 'release.promoted':
    case 'release.rolled-back':
      return `release ${type.slice(8)}: ${data['from'] ?? 'nothing'} → ${data['to']}${data['reason'] ? ` (${data['reason']})` : ''}`
    case 'alert.fired':
    case 'alert.resolved':
    case 'quality.degraded':
      return `${type.replace('.', ' ')}: ${data['message'] ?? ''}`
    case 'retrain.rejected':
      return `retraining rejected: ${data['reason'] ?? ''}`
    default:
      return undefined
  }
}

function row(window: MonitorWindow): string {
  const day = window.start.slice(0, 10)
  if (window.state === 'not_enough_data') return `${day}  ${pad(window.n, 5)}  not enough data`
  const worst = Object.entries(window.drift)
    .map(([feature, { psi }]) => ({ feature, psi: psi ?? 0 }))
    .toSorted((a, b) => b.psi - a.psi)[0]
  const drift = worst ? `${worst.feature} ${worst.psi.toFixed(3)}` : ''
  return [
    day,
    pad(window.n, 5),
    fixed(window.lateRate, 3),
    fixed(window.logLoss, 4),
    fixed(window.auc, 4),
    fixed(window.calibration, 4),
    drift.padEnd(26),
    window.modelVersion ?? '',
  ].join('  ')
}

function pad(value: number, width: number): string {
  return String(value).padStart(width)
}

function fixed(value: number | null, digits: number): string {
  return (value === null ? '–' : value.toFixed(digits)).padStart(digits + 3)
}
