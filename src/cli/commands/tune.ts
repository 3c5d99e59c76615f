import { readFile } from 'node:fs/promises'
import { search } from '@gyre/sdk/client'
import { Manifest } from '@gyre/sdk/wire/manifest'
import { Json } from '@gyre/sdk/wire/ref'
import { SearchSpace, Study, Trial } from '@gyre/sdk/wire/study'
import { z } from 'zod'
import { GyreError } from '../../core/errors.ts'
import { issueText } from '@gyre/sdk/wire/issue-text'
import { withClient, withServer, type AddCommand } from '../command.ts'
import { readParam } from '../pair.ts'
import { assertTrials } from '../trial-check.ts'
import { isUnlogged, tryPipeline } from '../trial-pipeline.ts'
import { jsonOf, paramsText, textOf, valueText } from './studies.ts'

/** Digits alone: `1e3`, ` 7` and an empty text are slips. */
const Whole = z
  .string()
  .regex(/^\d+$/, { error: ({ input }) => `expected a whole number, got ${String(input)}` })
  .transform(Number)

const Options = z.object({
  over: z.string(),
  metric: z.string(),
  maximize: z.boolean().default(false),
  minimize: z.boolean().default(false),
  trials: z.exactOptional(Whole),
  parallel: Whole.default(1),
  sampler: z.enum(['tpe', 'random', 'grid']).default('tpe'),
  pruner: z.enum(['none', 'median', 'asha']).default('none'),
  seed: Whole.default(0),
  study: z.exactOptional(z.string()),
  patience: z.exactOptional(z.string()),
  param: z.array(z.string()).default([]),
  json: z.boolean().default(false),
})

/** `gyre tune` */
export const addTune: AddCommand = (program, { exit }) => {
  withServer(program.command('tune'))
    .description('search for the parameters of a pipeline that make a metric best')
    .argument('<pipeline>')
    .requiredOption('--over <file>', 'JSON of parameter → what to try')
    .requiredOption('--metric <step.metric>', 'what to make best, and the step that logs it')
    .option('--minimize', 'the less of it the better')
    .option('--maximize', 'the more of it the better')
    .option('--trials <n>', 'pipeline runs that must end; a grid knows them')
    .option('--parallel <n>', 'runs at a time')
    .option('--sampler <name>', 'tpe, random or grid')
    .option('--pruner <name>', 'median, asha or none: cancels runs that are not worth more steps')
    .option('--seed <n>', 'the same seed draws the same trials, where they run one at a time')
    .option('--study <name>', "what to call the search; the pipeline's name unless told")
    .option('--patience <duration>', 'a run that nobody waits for is tried anew; 1m unless told')
    .option('--param <name=value...>', 'a parameter that every trial has')
    .option('--json', 'the result as JSON, and nothing else')
    .action((pipeline: string, given: unknown) =>
      withClient(given, async (client) => {
        const options = readOptions(given)
        const { step, metric } = splitMetric(options.metric)
        const fixed = z
          .record(z.string(), Json)
          .parse(Object.fromEntries(options.param.map(readParam)))
        const over = await readSpace(options.over)
        const { manifest } = await client.get('/api/v1/project', Applied)
        assertTrials(manifest, { pipeline, step, metric, over, fixed })
        const prunes = options.pruner !== 'none'
        const name = options.study ?? pipeline
        const path = `/api/v1/studies/${encodeURIComponent(name)}`
        /** Why trials failed, by their number. */
        const reasons = new Map<number, string>()
        const calledOff = new AbortController()
        let unlogged: GyreError | undefined
        const study = await search(
          client,
          {
            name,
            over,
            metric: options.metric,
            direction: options.maximize ? 'maximize' : 'minimize',
            sampler: { kind: options.sampler },
            pruner: { kind: options.pruner },
            parallel: options.parallel,
            seed: options.seed,
            ...(options.trials === undefined ? {} : { trials: options.trials }),
            ...(options.patience === undefined ? {} : { patience: options.patience }),
          },
          (trial) =>
            tryPipeline(client, { pipeline, step, metric, fixed, prunes }, trial).catch(
              async (error: unknown) => {
                reasons.set(trial.number, error instanceof Error ? error.message : String(error))
                // Once a trial has had it, it is a metric that only some parameters bring.
                if (isUnlogged(error) && (await client.get(path, Study)).counts.finished === 0)
                  unlogged ??= error
                throw error
              },
            ),
          {
            signal: calledOff.signal,
            onTrial: (trial) => {
              if (!options.json) console.log(lineOf(trial, reasons.get(trial.number)))
              if (unlogged) calledOff.abort(stopped(unlogged, name))
            },
          },
        )
        const { trials } = await client.get(
          `${path}/trials`,
          z.strictObject({ trials: z.array(Trial) }),
        )
        console.log(options.json ? jsonOf(study, trials) : `\n${textOf(study, trials)}`)
        if (!study.best) exit(1)
      }),
    )
}

const Applied = z.object({ manifest: Manifest })

function readOptions(given: unknown): z.infer<typeof Options> {
  const options = Options.safeParse(given, { error: issueText })
  if (!options.success) {
    const [issue] = options.error.issues
    throw refuse(String(issue?.path[0] ?? 'options'), issue?.message ?? 'cannot be read')
  }
  if (options.data.maximize === options.data.minimize)
    throw refuse('minimize', 'expected either --minimize or --maximize')
  return options.data
}

function splitMetric(text: string): { readonly step: string; readonly metric: string } {
  const at = text.indexOf('.')
  if (at < 1 || at === text.length - 1) throw refuse('metric', `expected STEP.METRIC, got ${text}`)
  return { step: text.slice(0, at), metric: text.slice(at + 1) }
}

async function readSpace(path: string): Promise<SearchSpace> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw refuse(
      'over',
      `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
    )
  })
  try {
    return SearchSpace.parse(JSON.parse(text))
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
    throw refuse('over', `${path}: ${reason.replaceAll(/\s+/g, ' ')}`)
  }
}

/** A search for what its step does not log would burn all its trials. */
function stopped({ message, details }: GyreError, study: string): GyreError {
  const help = `the search has stopped; "gyre studies rm ${study}" frees its name for another metric`
  return new GyreError('INVALID_ARGUMENT', `${message}: ${help}`, details)
}

function lineOf({ number, state, value, params }: Trial, reason: string | undefined): string {
  const line = `${String(number).padStart(4)}  ${state.padEnd(8)}  ${valueText(value).padEnd(12)}  ${paramsText(params)}`
  return reason === undefined ? line : `${line}  ${reason}`
}

function refuse(field: string, message: string): GyreError {
  return new GyreError('INVALID_ARGUMENT', `--${field}: ${message}`, { field })
}
