import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { contentOf, packedEntries } from '../core/fixture.ts'
import { openDatabase } from './adapters/sqlite-binding.ts'
import { tempFolder } from './contract/temp-folder.ts'

/** A folder that `pack.py` packed, made again; gone when the test is. */
export async function unpacked(name: string): Promise<string> {
  const folder = await tempFolder()
  for (const [path, entry] of packedEntries(name)) {
    const to = join(folder, path)
    await mkdir(path.endsWith('/') ? to : dirname(to), { recursive: true })
    if (path.endsWith('/')) continue
    if (entry.link !== undefined) await symlink(entry.link, to)
    else if (entry.sql !== undefined) changeDatabase(to, entry.sql)
    else await writeFile(to, contentOf(entry))
  }
  return folder
}

/** Runs statements on the database at `path`, which is made where there is none. */
export function changeDatabase(path: string, statements: readonly string[]): void {
  const database = openDatabase(path)
  try {
    // Tables come in the order of their names.
    database.exec('PRAGMA foreign_keys = OFF')
    // One at a time: no text of SQL has to hold megabytes.
    for (const statement of statements) database.exec(statement)
  } finally {
    database.close()
  }
}
