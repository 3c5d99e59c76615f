/** What every script needs: how Gyre is started, and the version that was trained. */
const PROGRAM = `"""Gyre as a program, and what the steps of a release tell each other: files below report/."""

import json
import os
import shlex
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPORT = os.path.join(ROOT, "report")


def gyre(*words, environment=None, output=None):
    """Runs it in the project's folder; ends this program with its exit code when that is not 0."""
    given = os.environ.get("GYRE") or ("gyre" if shutil.which("gyre") else "npx gyre")
    os.makedirs(REPORT, exist_ok=True)
    done = subprocess.run([*shlex.split(given), *words], cwd=ROOT, env=environment, stdout=output)
    if done.returncode != 0:
        sys.exit(done.returncode)


def trained_version():
    """NAME@VERSION of what train.py has made."""
    path = os.path.join(REPORT, "train.json")
    if not os.path.exists(path):
        sys.exit(f"{path} is not there: run scripts/train.py first")
    with open(path, encoding="utf-8") as file:
        return json.load(file)["models"][0]
`

const VALIDATE_DATA = `"""Checks the code and every row against what gyre.config.ts says, on a server of its own: report/data.xml."""

import os

from gyre_program import gyre

alone = {name: value for name, value in os.environ.items() if name not in ("GYRE_URL", "GYRE_KEY")}
gyre(
    *("ci", "--only", "code", "data", "--junit", "report/data.xml", "--markdown", "report/ci.md"),
    environment=alone,
)
`

const TRAIN = `"""Brings the project to the server at GYRE_URL, imports its data, trains: report/train.json names the version."""

import argparse
import json

from gyre_program import gyre

options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--config", required=True, help="JSON: parameters of the pipeline under params")
with open(options.parse_args().config, encoding="utf-8") as file:
    params = json.load(file)["params"]
given = [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in params.items()]
gyre(
    *("ci", "--only", "data", "model", "--train", "--report-only", "--json", "report/train.json"),
    *(["--param", *given] if given else []),
)
`

const EVALUATE = `"""Writes all that is known of the trained version to report/evaluation.json, and shows what its gate measured."""

import os

from gyre_program import REPORT, gyre, trained_version

path = os.path.join(REPORT, "evaluation.json")
with open(path, "w", encoding="utf-8") as file:
    gyre("model", "card", trained_version(), "--json", output=file)
gyre("model", "card", trained_version())
`

const QUALITY_GATE = `"""Ends with 1 when a gate refuses the trained version: report/ci.json, ci.xml, ci.md."""

from gyre_program import gyre, trained_version

gyre(
    *("ci", "--only", "model", "--model", trained_version()),
    *("--json", "report/ci.json", "--junit", "report/ci.xml", "--markdown", "report/ci.md"),
)
`

const deploy = (name: string): string => `#!/usr/bin/env bash
# Releases the trained version: to staging, which the smoke test asks, or to production.
set -euo pipefail
cd "$(dirname "$0")/.."

case "\${1:-}" in
  staging) endpoint=${name}-staging ;;
  production) endpoint=${name} ;;
  *)
    echo "expected staging or production, got '\${1:-}'" >&2
    exit 2
    ;;
esac
PYTHONPATH=scripts python3 -c '
import sys
from gyre_program import gyre, trained_version
gyre("release", sys.argv[1], trained_version())
' "$endpoint"
`

const smokeTest = (
  name: string,
): string => `"""Asks staging one question, and wants an answer of the trained version."""

import json
import os
import sys
import urllib.request

from gyre_program import ROOT, trained_version

with open(os.path.join(ROOT, "smoke", "request.json"), "rb") as file:
    question = file.read()
url = os.environ.get("GYRE_URL", "http://127.0.0.1:7400")
request = urllib.request.Request(f"{url}/predict/${name}-staging", question)
request.add_header("content-type", "application/json")
if os.environ.get("GYRE_KEY"):
    request.add_header("authorization", f"Bearer {os.environ['GYRE_KEY']}")
with urllib.request.urlopen(request, timeout=30) as response:
    answer = json.load(response)
print(json.dumps(answer))
if answer["model_version"] != f"model:{trained_version()}" or answer["prediction"] not in (0, 1):
    sys.exit(f"expected an answer of {trained_version()}")
`

const SMOKE_REQUEST = `{ "subject": "c1", "input": { "plan": "free", "visits": 3, "tickets": 1 } }\n`

const TRAIN_CONFIG = `{ "params": { "window": "400d", "seed": 7 } }\n`

/** The steps of a release as programs, for whatever starts them: the same that the workflow of \`gyre ci init\` does. */
export function scripts(name: string): readonly (readonly [string, string])[] {
  return [
    ['scripts/gyre_program.py', PROGRAM],
    ['scripts/validate_data.py', VALIDATE_DATA],
    ['scripts/train.py', TRAIN],
    ['scripts/evaluate.py', EVALUATE],
    ['scripts/quality_gate.py', QUALITY_GATE],
    ['scripts/deploy.sh', deploy(name)],
    ['scripts/smoke_test.py', smokeTest(name)],
    ['configs/train.json', TRAIN_CONFIG],
    ['smoke/request.json', SMOKE_REQUEST],
  ]
}
