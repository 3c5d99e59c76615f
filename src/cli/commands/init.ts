import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { findSense } from '../../evaluate/metric.ts'
import { projectTemplate, type ProjectAnswers } from '../../projects/project-template.ts'
import type { AddCommand } from '../command.ts'

/** What is asked, in this order, with the answer that fits the template's own data. */
const QUESTIONS = {
  task: ['What are you predicting?', 'Will this customer leave within a month?'],
  metric: ['What is success measured by?', 'auc'],
  baseline: ['What does a model have to beat?', 'logistic regression on the same inputs'],
  thresholds: ['Which value of it is good enough to ship?', '0.6'],
  owner: ['Who owns it?', 'nobody yet'],
} as const

/** What a gate measures of a yes-or-no model, and a threshold can be set on. */
const METRICS = [
  'auc',
  'logLoss',
  'brier',
  'accuracy',
  'precision',
  'recall',
  'f1',
  'calibration',
  'calibrationError',
]

type Question = keyof typeof QUESTIONS

const Given = z.object({
  yes: z.boolean().default(false),
  task: z.exactOptional(z.string()),
  metric: z.exactOptional(z.string()),
  baseline: z.exactOptional(z.string()),
  thresholds: z.exactOptional(z.string()),
  owner: z.exactOptional(z.string()),
})

/** `gyre init FOLDER` */
export const addInit: AddCommand = (program) => {
  const init = program
    .command('init')
    .description('make a new project that runs, and ask what it is for')
    .argument('<folder>')
    .option('-y, --yes', 'ask nothing, take the suggestions')
  for (const [name, [question]] of Object.entries(QUESTIONS))
    init.option(`--${name} <answer>`, question)
  init.action(async (folder: string, options: unknown) => {
    const path = resolve(folder)
    await assertEmpty(path)
    const answers = await ask(Given.parse(options))
    const files = projectTemplate(toCard(basename(path), answers))
    for (const [file, text] of files) {
      await mkdir(dirname(join(path, file)), { recursive: true })
      await writeFile(join(path, file), text)
    }
    console.log(`made ${files.size} files in ${folder}; with Gyre running:`)
    console.log(
      `  gyre apply ${folder}\n  gyre data import customers --project ${folder}\n  gyre pipeline run train`,
    )
  })
}

async function assertEmpty(path: string): Promise<void> {
  const names = await readdir(path).catch(() => [])
  if (names.length > 0)
    throw new GyreError('ALREADY_EXISTS', `${path} is not empty; name a new folder`, {
      folder: path,
    })
}

async function ask(given: z.infer<typeof Given>): Promise<Record<Question, string>> {
  const terminal =
    given.yes || !process.stdin.isTTY ? undefined : createInterface(process.stdin, process.stdout)
  const answerTo = async (question: Question): Promise<string> => {
    const [text, suggestion] = QUESTIONS[question]
    return given[question] ?? ((await terminal?.question(`${text} [${suggestion}] `)) || suggestion)
  }
  try {
    return {
      task: await answerTo('task'),
      metric: await answerTo('metric'),
      baseline: await answerTo('baseline'),
      thresholds: await answerTo('thresholds'),
      owner: await answerTo('owner'),
    }
  } finally {
    terminal?.close()
  }
}

/** The card: what beats the baseline and keeps to the threshold, on the metric's good side of it, is good enough. */
function toCard(
  name: string,
  { thresholds, metric, ...answers }: Record<Question, string>,
): ProjectAnswers {
  if (!METRICS.includes(metric)) throw refuse('metric', `one of ${METRICS.join(', ')}`, metric)
  const bound = Number(thresholds)
  if (thresholds.trim() === '' || !Number.isFinite(bound))
    throw refuse('thresholds', 'a number', thresholds)
  const side = findSense(metric)?.better === 'lower' ? { atMost: bound } : { atLeast: bound }
  return { name, metric, ...answers, thresholds: { [metric]: { ...side, betterThan: 'baseline' } } }
}

function refuse(field: Question, expected: string, got: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `${field}: expected ${expected}, got ${got}`, { field })
}
