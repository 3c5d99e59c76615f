import { INVALID, type Difference } from '../difference.ts'

export const registry: readonly Difference[] = [
  {
    why: 'A version is frozen: its files are its own from the moment it is made, whatever becomes of the run.',
    gyre: { 'download uri': 'mlflow-artifacts:/registry/churn/1' },
  },
  {
    why: 'A client chooses no place: a source lies in this server.',
    gyre: {
      "a version from 's3://bucket/model'": INVALID,
      "a version from 'dbfs:/model'": INVALID,
      "a version from 'mlflow-artifacts:/EXPERIMENT/RUN/artifacts/model#x'": INVALID,
    },
  },
]
