import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

/** The folder of the installed package: that of package.json, bin and examples. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url))

const Package = z.object({ version: z.string(), dependencies: z.record(z.string(), z.string()) })

const PACKAGE = Package.parse(JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')))

/** The version of the installed package. */
export const VERSION: string = PACKAGE.version

/** The versions of what it depends on, which it pins. */
export const DEPENDENCIES: Readonly<Record<string, string>> = PACKAGE.dependencies
