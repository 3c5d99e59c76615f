"""Asks Optuna's TPE, one JSON object a line on standard input, and answers in kind.

`{"space": …, "seed": n}` begins a study that minimises; `{"ask": true}` answers with the parameters of the next
trial and the processor time that the suggestion took; `{"tell": loss}` ends that trial.
"""

import json
import sys
import time

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)

study = None
space = {}
trial = None


def suggest(trial, name, dimension):
    if dimension["kind"] == "choice":
        return trial.suggest_categorical(name, dimension["of"])
    low, high, log = dimension["low"], dimension["high"], dimension.get("log", False)
    if dimension["kind"] == "int":
        return trial.suggest_int(name, low, high, step=dimension.get("step", 1), log=log)
    return trial.suggest_float(name, low, high, step=dimension.get("step"), log=log)


for line in sys.stdin:
    request = json.loads(line)
    answer = {}
    if "space" in request:
        space = request["space"]
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=request["seed"]))
    elif "ask" in request:
        started = time.process_time()
        trial = study.ask()
        params = {}
        for name, dimension in space.items():
            when = dimension.get("when")
            if when is None or params.get(when["param"]) in when["is"]:
                params[name] = suggest(trial, name, dimension)
        answer = {"params": params, "ms": (time.process_time() - started) * 1000}
    else:
        study.tell(trial, request["tell"])
    print(json.dumps(answer), flush=True)
