import { openDatabase } from '../adapters/sqlite-binding.ts'
import { migrate } from '../adapters/sqlite-migrate.ts'

/** A process that dies by SIGKILL halfway through its second migration. */
const database = openDatabase(process.argv[2] ?? '')
migrate(
  database,
  [
    { version: 1, name: 'first', up: (exec) => exec('CREATE TABLE a (x)') },
    {
      version: 2,
      name: 'second',
      up(exec) {
        exec('CREATE TABLE b (x)')
        process.kill(process.pid, 'SIGKILL')
      },
    },
  ],
  '2001-01-01T00:00:00.000Z',
)
