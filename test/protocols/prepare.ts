import { fileURLToPath } from 'node:url'
import { pinnedPython } from './python.ts'

// The environments of the protocol tests, built ahead of them; where they cannot be built, this fails.
for (const client of ['mlflow', 'notebook'])
  await pinnedPython(fileURLToPath(new URL(`./${client}/requirements.txt`, import.meta.url)))
