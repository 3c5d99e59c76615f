import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { PACKAGE_ROOT } from './package-root.ts'

const Package = z.object({ version: z.string() })

/** The version of the installed package. */
export const VERSION: string = Package.parse(
  JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')),
).version
