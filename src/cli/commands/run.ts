import { RequestError } from '@gyre/sdk/client'
import { Run } from '@gyre/sdk/wire/run'
import { z } from 'zod'
import { serverOf, withClient, withServer, type AddCommand } from '../command.ts'
import { executeRun } from '../run/execute.ts'
import { resumption } from '../run/resumption.ts'
import { readRequest, withRequest } from '../run/request.ts'

const Options = z.object({
  experiment: z.exactOptional(z.string().min(1)),
  name: z.exactOptional(z.string().min(1)),
  hold: z.string().default('1m'),
  resume: z.exactOptional(z.string().min(1)),
  folder: z.exactOptional(z.string()),
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
    .option('--resume <run>', 'go on from the last checkpoint of a run that did not succeed')
    .option('--folder <folder>', 'with --resume: where the files of that run are now')
    .option('--json', 'the run as JSON on stdout, what it says on stderr')
    .action((target: string | undefined, args: readonly string[], given: unknown) =>
      withClient(given, async (client) => {
        const { hold, json, resume, folder, ...named } = Options.parse(given)
        const asked =
          resume === undefined
            ? { request: readRequest(process.cwd(), target, args, given), experiment: 'Default' }
            : await resumption(client, resume, { target, folder, given })
        const { request, ...telling } = { name: undefined, ...asked, ...named }
        const run = await executeRun(request, {
          client,
          key: serverOf(given).key,
          ...telling,
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
