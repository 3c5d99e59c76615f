import { fileURLToPath } from 'node:url'

/** The folder of the installed package: that of package.json, bin and examples. */
export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url))
