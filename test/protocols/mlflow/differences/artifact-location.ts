import { INVALID, type Difference } from '../difference.ts'

const refused = (...steps: readonly string[]) =>
  Object.fromEntries(steps.map((step) => [step, INVALID]))

export const artifactLocation: readonly Difference[] = [
  {
    why: 'A client chooses no place: every experiment lies in this server, where the server says.',
    gyre: {
      ...refused(
        "0: an experiment at 's3://bucket/path'",
        "1: an experiment at 'gs://bucket/path'",
        "2: an experiment at 'dbfs:/path'",
        "10: an experiment at 'file:///etc'",
        "11: an experiment at 'file:/etc'",
        "13: an experiment at 'file:relative'",
        "14: an experiment at '/etc'",
        "15: an experiment at 'relative'",
        "16: an experiment at './here'",
        "17: an experiment at '../up'",
        "18: an experiment at '~'",
        "19: an experiment at 'C:\\\\Windows'",
        "20: an experiment at '\\\\\\\\host\\\\share'",
        "21: an experiment at 'mlflow-artifacts:/'",
        "22: an experiment at 'mlflow-artifacts:/0'",
        "23: an experiment at 'mlflow-artifacts:/../../etc'",
        "24: an experiment at 'mlflow-artifacts:/%2e%2e/up'",
        "26: an experiment at 'mlflow-artifacts:0'",
        "28: an experiment at 'models:/churn/1'",
        "29: an experiment at 'uc:/catalog'",
        "30: an experiment at ' '",
        "31: an experiment at '․․/up'",
        "33: an experiment at 'wasbs://a@b/c'",
        "34: an experiment at '$(touch x)'",
        "35: an experiment at '?'",
        "36: an experiment at '#'",
      ),
      'those there are': ['at none', 'at nothing'],
    },
  },
  {
    why: 'A version is made of files that this server holds, told in the one way it would tell them itself.',
    gyre: refused(
      "'s3://bucket/model' of its run",
      "'gs://bucket/model' of its run",
      "'dbfs:/model' of its run",
      "'mlflow-artifacts:/HERE/RUN/artifacts//model' of its run",
      "'mlflow-artifacts:/HERE/RUN/artifacts/model\\\\..\\\\..' of its run",
      "'mlflow-artifacts:/HERE/RUN/artifacts/model\\n' of its run",
      "'mlflow-artifacts:/HERE/RUN/artifacts/xxxxxxxxxxxxxxxxxxxxxxx… of 3037' of its run",
      "' mlflow-artifacts:/HERE/RUN/artifacts/model' of its run",
      "'MLFLOW-ARTIFACTS:/HERE/RUN/artifacts/model' of its run",
      "'runs:/RUN/model#x' of its run",
      "'s3://bucket/model' of no run",
      "'gs://bucket/model' of no run",
      "'dbfs:/model' of no run",
    ),
  },
  {
    why: 'Which version is the latest changes: a source is one version, for ever.',
    gyre: refused("'models:/churn/latest' of its run"),
  },
]
