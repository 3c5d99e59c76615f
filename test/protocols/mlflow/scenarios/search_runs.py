"""search_runs: every comparison of the filter language, orders, pages, views; and what its parser refuses."""

import mlflow
from mlflow.entities import ViewType
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
one = mlflow.create_experiment("one")
two = mlflow.create_experiment("two")
t.name("experiment", one)
t.name("experiment", two)
AT = 1_700_000_000_000
NAN, INF = float("nan"), float("inf")


def make(name, experiment=one, metrics=None, params=None, tags=None, status="FINISHED", at=0, end=None):
    run = client.create_run(experiment, start_time=AT + at, run_name=name, tags=tags)
    for key, value in (metrics or {}).items():
        client.log_metric(run.info.run_id, key, value, timestamp=AT)
    for key, value in (params or {}).items():
        client.log_param(run.info.run_id, key, value)
    if status != "RUNNING":
        client.set_terminated(run.info.run_id, status, end if end is not None else AT + at + 1000)
    return run.info.run_id


RUNS = {
    "a": make("a", metrics={"acc": 0.9, "loss": 0.1}, params={"lr": "0.1", "opt": "adam"}, tags={"team": "risk", "x.y z": "dots"}, at=1),
    "b": make("b", metrics={"acc": 0.8, "loss": 0.1}, params={"lr": "0.10", "opt": "Adam"}, tags={"team": "Risk"}, at=2),
    "c": make("c", metrics={"acc": 0.7}, params={"opt": "sgd"}, tags={"team": "it's \"q\""}, at=3, status="FAILED"),
    "d": make("d", metrics={"acc": NAN, "loss": 0.3}, params={"opt": "a_a%m"}, at=4, status="KILLED"),
    "e": make("e", metrics={"acc": INF}, params={"opt": ""}, tags={"empty": ""}, at=5),
    "f": make("f", metrics={"acc": -INF, "loss": 0.2}, params={"päram": "日本"}, tags={"tÄg/1": "ü🚀"}, at=6, status="RUNNING"),
    "g": make("g g", metrics={"acc": -0.0, "val acc": 1, "1st": 2, "a-b": 3, "a/b": 4}, params={"p p": "x y", "a-b": "c"}, at=7),
    "other": make("other", experiment=two, metrics={"acc": 0.5}, at=8),
}
gone = make("gone", metrics={"acc": 0.95}, at=9)
client.delete_run(gone)
for run in (*RUNS.values(), gone):
    t.name("run", run)
SHORT = {run: name for name, run in RUNS.items()} | {gone: "gone"}


def find(filter_string="", experiments=(one,), order_by=("attributes.start_time ASC",), view=ViewType.ACTIVE_ONLY, most=1000, token=None):
    page = client.search_runs(list(experiments), filter_string, view, most, list(order_by), token)
    return [SHORT[run.info.run_id] for run in page]


t("a run in full", lambda: client.search_runs([one], "attributes.run_name = 'a'")[0])
t("all", find)
t("all of two experiments", find, experiments=(one, two))
t("of no experiment", find, experiments=())
t("of one that is not there", find, experiments=("987654321",))
t("of one that is not there and one that is", find, experiments=("987654321", two))
t("deleted ones", find, view=ViewType.DELETED_ONLY)
t("all there are", find, view=ViewType.ALL)

FILTERS = r"""
metrics.acc > 0.75
metrics.acc >= 0.9
metrics.acc < 0.8
metrics.acc <= 0.8
metrics.acc = 0.9
metrics.acc == 0.9
metrics.acc != 0.9
metrics.acc = 0
metrics.acc > -1
metrics.acc > -1.5e0
metrics.acc < 1e308
metrics.acc > 1e308
metrics.acc > .5
metrics.acc > 5.
metric.acc > 0.75
metrics.`acc` > 0.75
metrics."acc" > 0.75
metrics.`val acc` = 1
metrics."val acc" = 1
metrics.1st = 2
metrics.`1st` = 2
metrics.a-b = 3
metrics.`a-b` = 3
metrics."a/b" = 4
metrics.a/b = 4
metrics.nobody > 0
metrics.acc > '0.75'
metrics.acc > "0.75"
metrics.acc > abc
metrics.acc > NaN
metrics.acc = 'NaN'
metrics.acc > Infinity
metrics.acc LIKE '0%'
metrics.acc IN (0.9, 0.8)
metrics.acc IS NULL
metrics.acc IS NOT NULL
metrics.acc BETWEEN 0 AND 1
params.lr = '0.1'
params.lr = "0.1"
params.lr = 0.1
params.lr != '0.1'
params.opt = 'adam'
params.opt = 'ADAM'
params.opt LIKE 'a%'
params.opt LIKE 'A%'
params.opt ILIKE 'A%'
params.opt LIKE '_dam'
params.opt LIKE '%'
params.opt LIKE ''
params.opt LIKE 'a\_a\%m'
params.opt LIKE 'a_a%m'
params.opt ILIKE 'ADAM'
params.opt = ''
params.opt != ''
params.opt > 'a'
params.opt IN ('adam', 'sgd')
params.opt NOT IN ('adam', 'sgd')
params.opt IN ('adam')
params.opt IN ()
params.opt IN ('adam', 3)
params.opt NOT LIKE 'a%'
params.opt IS NULL
params.opt IS NOT NULL
params.lr IS NULL
parameter.opt = 'adam'
parameters.opt = 'adam'
param.opt = 'adam'
params.`päram` = '日本'
params.päram = '日本'
params.`p p` = 'x y'
params."p p" = 'x y'
params.'p p' = 'x y'
params.a-b = 'c'
params.nobody = 'x'
params.nobody != 'x'
tags.team = 'risk'
tags.team = 'Risk'
tags.team != 'risk'
tags.team LIKE 'r%'
tags.team ILIKE 'r%'
tags.team IN ('risk', 'Risk')
tags.team NOT IN ('risk')
tags.team = 'it''s "q"'
tags.team LIKE "it's%"
tags.team IS NULL
tags.team IS NOT NULL
tags.empty = ''
tags.`x.y z` = 'dots'
tags."x.y z" = 'dots'
tags.x.y = 'dots'
tags.`tÄg/1` = 'ü🚀'
tags.mlflow.runName = 'a'
tags.`mlflow.runName` = 'a'
tag.team = 'risk'
tags.nobody = 'x'
attributes.status = 'FINISHED'
attributes.status = 'finished'
attributes.status != 'FINISHED'
attributes.status LIKE 'FIN%'
attributes.status IN ('FAILED', 'KILLED')
attributes.status = 3
attribute.status = 'RUNNING'
attr.status = 'RUNNING'
run.status = 'RUNNING'
status = 'RUNNING'
attributes.run_name = 'a'
attributes.run_name LIKE '%g%'
attributes.run_name ILIKE 'G%'
attributes.`run name` = 'a'
attributes."Run name" = 'a'
attributes.Run_name = 'a'
attributes.run_name IN ('a', 'b')
run_name = 'a'
attributes.start_time > 1700000000003
attributes.start_time >= 1700000000003
attributes.start_time = 1700000000003
attributes.start_time != 1700000000003
attributes.start_time > '1700000000003'
attributes.start_time > 1700000000003.5
attributes.start_time LIKE '17%'
start_time > 1700000000003
attributes.created > 1700000000003
attributes.Created > 1700000000003
attributes.end_time < 1700000001004
attributes.end_time IS NULL
attributes.run_id = 'nobody'
attributes.run_id IN ('nobody', 'no one')
attributes.run_id NOT IN ('nobody')
attributes.run_id LIKE '%'
run_id = 'nobody'
attributes.artifact_uri LIKE 'mlflow-artifacts:%'
attributes.artifact_uri = 'x'
attributes.user_id = 'tester'
attributes.user_id LIKE 'test%'
attributes.lifecycle_stage = 'active'
attributes.experiment_id = '1'
attributes.nobody = 'x'
nobody.key = 'x'
nobody = 'x'
metrics.acc > 0.7 AND metrics.loss < 0.2
metrics.acc > 0.7 and metrics.loss < 0.2
metrics.acc > 0.7 AND params.opt = 'adam' AND tags.team = 'risk' AND attributes.status = 'FINISHED'
metrics.acc > 0.7 AND metrics.acc < 0.85
metrics.acc > 0.7 OR metrics.acc < 0.2
metrics.acc > 0.7 AND metrics.acc > 0.7
(metrics.acc > 0.7)
(metrics.acc > 0.7 AND metrics.loss < 0.2)
NOT metrics.acc > 0.7
metrics.acc > 0.7 AND
AND metrics.acc > 0.7
metrics.acc > 0.7 metrics.loss < 1
metrics.acc > 0.7, metrics.loss < 1
metrics.acc > 0.7; metrics.loss < 1
metrics.acc > 0.7 -- and more
metrics.acc > 0.7 /* and more */
metrics.acc
metrics.acc >
> 0.7
metrics. > 0.7
metrics > 0.7
0.7 < metrics.acc
metrics.acc > metrics.loss
metrics.acc => 0.7
metrics.acc <> 0.7
metrics.acc >0.7
metrics.acc>0.7
METRICS.acc > 0.7
Params.opt = 'adam'
params.opt = 'adam
params.opt = adam
params.opt = "adam'
params.opt like 'a%'
params.opt Like 'a%'
params.opt in ('adam')
params.opt =    'adam'
params.opt='adam'
params.opt = 'adam';
params.opt = 'adam'; DROP TABLE runs
params.opt = 'x' OR '1' = '1'
params.opt = NULL
params.opt = true
1 = 1
true
''
""".strip("\n").split("\n")
for text in FILTERS:
    t(text, find, text)
t("a doubled quote", find, 'tags.team = "it\'s ""q"""')
t("a tab and newlines", find, "metrics.acc >\t0.7\n AND\n metrics.loss < 0.2")
t("only spaces", find, "   ")
t("no filter", find, None)
t("run_id", lambda: find(f"attributes.run_id = '{RUNS['a']}'"))
t("run_id IN", lambda: find(f"attributes.run_id IN ('{RUNS['a']}', '{RUNS['c']}')"))
t("run_id NOT IN", lambda: find(f"attributes.run_id NOT IN ('{RUNS['a']}', '{RUNS['c']}')"))
t("run_id !=", lambda: find(f"run_id != '{RUNS['a']}'"))
t("run_id LIKE", lambda: find(f"run_id LIKE '{RUNS['a'][:-1]}%'"))
t("a value of 5000 characters", find, f"params.opt = '{'x' * 5000}'")
t("60 comparisons", find, " AND ".join(f"metrics.acc > {-i}" for i in range(1, 61)))

ORDERS = [
    [],
    ["metrics.acc"],
    ["metrics.acc ASC"],
    ["metrics.acc DESC"],
    ["metrics.acc desc"],
    ["metrics.loss", "metrics.acc DESC"],
    ["metrics.loss DESC", "metrics.acc ASC"],
    ["metrics.loss ASC", "start_time ASC"],
    ["metrics.loss DESC", "start_time ASC"],
    ["metrics.nobody"],
    ["metrics.`val acc` DESC", "start_time"],
    ['metrics."val acc"', "start_time"],
    ["params.opt", "start_time"],
    ["params.opt DESC", "start_time"],
    ["params.lr", "start_time DESC"],
    ["tags.team", "start_time"],
    ["tags.team DESC", "start_time"],
    ["tags.`x.y z`", "start_time"],
    ["attributes.status", "attributes.start_time"],
    ["attributes.run_name DESC"],
    ["attributes.`Run name`"],
    ["attributes.start_time"],
    ["start_time DESC"],
    ["attributes.end_time", "attributes.start_time"],
    ["attributes.end_time DESC", "attributes.start_time"],
    ["attributes.created DESC"],
    ["run_name"],
    ["attributes.user_id", "start_time DESC"],
    ["metrics.acc DESC", "metrics.acc ASC"],
    ["metrics.acc DESC NULLS LAST"],
    ["metrics.acc SIDEWAYS"],
    ["metrics"],
    ["acc"],
    ["nobody.acc"],
    ["attributes.nobody"],
    [""],
    ["metrics.acc, metrics.loss"],
    ["metrics.acc; DROP TABLE runs"],
    ["metrics.acc = 1"],
    ["dataset.name"],
]
for order in ORDERS:
    t(f"by {order}", find, order_by=order)


def pages(size, **how):
    """The pages of a search, each as the names on it."""
    found, token = [], None
    while True:
        page = client.search_runs([one, two], max_results=size, page_token=token, **how)
        found.append([SHORT[run.info.run_id] for run in page])
        token = page.token
        if not token:
            return found


t("pages of 3", pages, 3, order_by=["start_time"])
t("pages of 1 by a metric", pages, 1, order_by=["metrics.acc DESC"])
t("pages of 4, as many as there are twice over", pages, 4, order_by=["start_time"])
t("pages of 2 of what a filter leaves", pages, 2, filter_string="metrics.loss < 1", order_by=["start_time"])
for size in (0, -1, 50_000, 50_001, 10**10):
    t(f"a page of {size}", find, most=size)
t("a token of nobody", find, token="nobody")
t("a token of no number", find, token="bm9ib2R5")
t("an empty token", find, token="")

SEARCH = "/api/2.0/mlflow/runs/search"
for label, body in {
    "no body": {},
    "ids as one text": {"experiment_ids": one},
    "ids as numbers": {"experiment_ids": [int(one)]} if one.isdigit() else {"experiment_ids": [1]},
    "a view that is none": {"experiment_ids": [one], "run_view_type": "SIDEWAYS"},
    "a view in lower case": {"experiment_ids": [one], "run_view_type": "all"},
    "a view by number": {"experiment_ids": [one], "run_view_type": 2},
    "a filter that is no text": {"experiment_ids": [one], "filter": 7},
    "an order that is no list": {"experiment_ids": [one], "order_by": "metrics.acc"},
    "a size in text": {"experiment_ids": ["987"], "max_results": "5"},
    "a size in words": {"experiment_ids": ["987"], "max_results": "five"},
    "a size and a half": {"experiment_ids": ["987"], "max_results": 1.5},
    "a size above int32": {"experiment_ids": ["987"], "max_results": 2**40},
}.items():
    t.http(f"raw, {label}", "POST", SEARCH, json=body)

t("as a frame", lambda: mlflow.search_runs([one], order_by=["start_time"])[["tags.mlflow.runName", "metrics.acc", "params.opt"]])
t("by experiment names", lambda: len(mlflow.search_runs(experiment_names=["one", "two"])))
t("all experiments", lambda: len(mlflow.search_runs(search_all_experiments=True)))
t("as a list", lambda: [run.info.run_name for run in mlflow.search_runs([two], output_format="list")])
t.end()
