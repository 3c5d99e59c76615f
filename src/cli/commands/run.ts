import { RequestError } from '@gyre/sdk/client'
import { Run } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { serverOf, withClient, withServer, type AddCommand } from '../command.ts'
import { executeRun } from '../run/execute.ts'
import { readRequest, withRequest } from '../run/request.ts'

const Options = z.object({
  experiment: z.string().min(1).default('Default'),
  name: z.exactOptional(z.string().min(1)),
  hold: z.string().default('1m'),
  json: z.boolean().default(false),
})

/** `gyre run TARGET` */
export const addRun: AddCommand = (program) => {
  withRequest(withServer(program.command('run')))
    .description('execute a script, a notebook or an MLproject as a run that can be repeated')
    .option('--experiment <name>', 'made where there is none; Default unless told')
    .option('--name <name>', 'what the run is called')
    .option(
      '--hold <duration>',
      'the run is lost when nobody was heard for so long; 1m unless told',
    )
    .option('--json', 'the run as JSON on stdout, what it says on stderr')
    .action((target: string, args: readonly string[], given: unknown) =>
      withClient(given, async (client) => {
        const { experiment, name, hold, json } = Options.parse(given)
        const run = await executeRun(readRequest(process.cwd(), target, args, given), {
          client,
          key: serverOf(given).key,
          experiment,
          name,
          hold,
          stdoutTo: json ? process.stderr : process.stdout,
          onStart: ({ id }) => console.error(`gyre: run ${id}`),
        })
        if (json) console.log(JSON.stringify(z.encode(Run, run), undefined, 2))
        console.error(`gyre: run ${run.id} ${run.status}`)
        if (run.status !== 'succeeded')
          throw new RequestError(
            run.error?.code ?? 'STEP_FAILED',
            0,
            run.error?.message ?? run.status,
          )
      }),
    )
}
