import { fileURLToPath } from 'node:url'
import { pinnedPython } from './python.ts'

// The environments of the protocol tests, built ahead of them; where they cannot be built, this fails.
for (const path of [
  './mlflow/requirements.txt',
  './notebook/requirements.txt',
  './oip/requirements.txt',
  './serve/requirements.txt',
  '../../sdk/python/trainers/lightgbm/requirements.lock',
  '../../sdk/python/trainers/sklearn/requirements.lock',
])
  await pinnedPython(fileURLToPath(new URL(path, import.meta.url)))
