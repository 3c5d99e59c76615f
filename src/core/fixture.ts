import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'

/** In the repository, where every test runs. */
const FOLDER = join('test', 'fixtures', 'import')

const Packed = z.record(
  z.string(),
  z.strictObject({
    text: z.exactOptional(z.string()),
    base64: z.exactOptional(z.string()),
    link: z.exactOptional(z.string()),
    /** Statements that make an SQLite database. */
    sql: z.exactOptional(z.array(z.string())),
  }),
)

/** What `pack.py` packed, by path; folders that nothing is in end in a slash. */
export function packedEntries(name: string) {
  const bytes = gunzipSync(readFileSync(join(FOLDER, `${name}.json.gz`)))
  return Object.entries(Packed.parse(JSON.parse(bytes.toString('utf8'))))
}

/** The bytes of a file in a folder that `pack.py` packed; of the first one whose path ends so. */
export function packedFile(name: string, ending: string): Buffer {
  const [, entry] = packedEntries(name).find(([path]) => path.endsWith(ending)) ?? []
  if (!entry) throw new Error(`${name} has no ${ending}`)
  return contentOf(entry)
}

export function contentOf({ text, base64 }: z.output<typeof Packed>[string]): Buffer {
  return base64 === undefined ? Buffer.from(text ?? '', 'utf8') : Buffer.from(base64, 'base64')
}
