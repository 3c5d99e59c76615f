"""Searches of registered models and of their versions: filters, orders, pages; and what is refused."""

import mlflow
import requests
from transcript import SERVER, Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("search models").experiment_id
t.name("experiment", experiment)
runs = {name: client.create_run(experiment, run_name=name).info.run_id for name in ("a", "b")}
for run in runs.values():
    t.name("run", run)
    client.log_text(run, "a model of sorts", "model/MLmodel")

MODELS = {
    "alpha": {"team": "risk", "x.y z": "dots"},
    "Alpha": {"team": "Risk"},
    "beta": {"team": "it's", "empty": ""},
    "b_ta": {"tÄg": "日本 🚀"},
    "100%": {},
}
for name, tags in MODELS.items():
    client.create_registered_model(name, tags)
for name, run, tags in (("alpha", "a", {"k": "v"}), ("alpha", "b", {"k": "w", "x.y z": "dots"}), ("beta", "a", {}), ("alpha", "a", {"k": "V"}), ("100%", "b", {})):
    client.create_model_version(name, f"mlflow-artifacts:/{experiment}/{runs[run]}/artifacts/model", runs[run], tags)
client.transition_model_version_stage("alpha", "2", "Production")
client.transition_model_version_stage("beta", "1", "Staging")
client.set_registered_model_alias("alpha", "champion", "2")


def models(filter_string=None, order_by=("name ASC",), **how):
    return [model.name for model in client.search_registered_models(filter_string, order_by=list(order_by), **how)]


def told(version):
    return f"{version.name} {version.version}"


def versions(filter_string=None, order_by=("name ASC", "version_number ASC"), **how):
    return [told(version) for version in client.search_model_versions(filter_string, order_by=list(order_by), **how)]


t("a model in full", client.search_registered_models, "name = 'alpha'")
t("all models", models)
FILTERS = r"""
name = 'alpha'
name = "alpha"
name = 'ALPHA'
name != 'alpha'
name LIKE 'a%'
name LIKE 'A%'
name LIKE 'b_ta'
name ILIKE 'a%'
name ilike 'a%'
name IN ('alpha', 'beta')
name NOT IN ('alpha')
name > 'a'
name = 7
name = alpha
`name` = 'alpha'
Name = 'alpha'
attribute.name = 'alpha'
attributes.name = 'alpha'
tags.team = 'risk'
tags.team != 'risk'
tags.team LIKE 'r%'
tags.team ILIKE 'r%'
tags.team IN ('risk')
tags.team IS NULL
tags.team = "it's"
tags.empty = ''
tag.team = 'risk'
tags.`x.y z` = 'dots'
tags.`tÄg` = '日本 🚀'
tags.nobody = 'x'
tags.nobody != 'x'
name = 'alpha' AND tags.team = 'risk'
name LIKE 'a%' AND tags.team = 'risk' AND tags.`x.y z` = 'dots'
name = 'alpha' OR name = 'beta'
(name = 'alpha')
name = 'alpha' AND
name
name =
nobody = 'x'
description = 'x'
creation_timestamp > 0
last_updated_timestamp > 0
params.p = 'x'
name = 'alpha'; DROP TABLE registered_models
""".strip("\n").split("\n")
for text in FILTERS:
    t(f"models: {text}", models, text)
ORDERS = [
    ["name"],
    ["name DESC"],
    ["name desc"],
    ["timestamp", "name"],
    ["last_updated_timestamp DESC", "name"],
    ["creation_timestamp"],
    ["tags.team"],
    ["nobody"],
    ["name SIDEWAYS"],
    ["name", "name DESC"],
    [""],
    [],
]


def in_order(search, order):
    """What it finds; sorted where the order is that of a time, in which what is made within a millisecond has none."""
    found = search(order_by=order)
    return sorted(found) if order and "timestamp" in order[0] else found


for order in ORDERS:
    t(f"models by {order}", in_order, models, order)


def pages(search, size, named, **how):
    """The pages of a search, each as what its rows are `named`."""
    found, token = [], None
    while True:
        page = search(max_results=size, page_token=token, **how)
        found.append([named(row) for row in page])
        token = page.token
        if not token:
            return found


def name_of(model):
    return model.name


t("models, pages of 2", pages, client.search_registered_models, 2, name_of)
t("models, pages of 2 of what a filter leaves, backwards", pages, client.search_registered_models, 2, name_of, filter_string="tags.team LIKE '%'", order_by=["name DESC"])
for size in (0, -1, 1000, 1001, 10**10):
    t(f"models, a page of {size}", models, max_results=size)
t("models, a token of nobody", models, page_token="nobody")
t("models, an empty token", models, page_token="")

t("a version in full", client.search_model_versions, "name = 'alpha' AND version_number = 2")
t("all versions", versions)
FILTERS = r"""
name = 'alpha'
name != 'alpha'
name LIKE 'a%'
name ILIKE 'B%'
name IN ('alpha', 'beta')
name NOT IN ('alpha')
name = 'nobody'
name > 'a'
name = 7
version_number = 1
version_number > 1
version_number >= 2
version_number != 1
version_number < 2
version_number = '1'
version_number LIKE '1'
version = 1
version = '1'
run_id = 'nobody'
run_id IN ('nobody')
run_id LIKE '%'
run_id != 'nobody'
source_path = 'x'
source_path LIKE '%/model'
source = 'x'
status = 'READY'
user_id = 'x'
current_stage = 'Production'
description = 'x'
creation_timestamp > 0
last_updated_timestamp > 0
tags.k = 'v'
tags.k != 'v'
tags.k LIKE 'v'
tags.k ILIKE 'v'
tags.k IS NULL
tags.`x.y z` = 'dots'
tag.k = 'v'
name = 'alpha' AND tags.k = 'v'
name = 'alpha' AND version_number > 1 AND tags.k = 'w'
name = 'alpha' OR name = 'beta'
name = 'alpha' AND
attribute.name = 'alpha'
attributes.version_number = 1
metrics.acc > 1
nobody = 'x'
name = alpha
""".strip("\n").split("\n")
for text in FILTERS:
    t(f"versions: {text}", versions, text)
t("versions of a run", lambda: versions(f"run_id = '{runs['a']}'"))
t("versions of some runs", lambda: versions(f"run_id IN ('{runs['a']}', '{runs['b']}')"))
t("versions of a run and a name", lambda: versions(f"run_id = '{runs['b']}' AND name = 'alpha'"))
t("versions of a source", lambda: versions(f"source_path = 'mlflow-artifacts:/{experiment}/{runs['b']}/artifacts/model'"))
ORDERS = [
    ["name", "version_number"],
    ["name DESC", "version_number DESC"],
    ["version_number", "name"],
    ["version_number DESC", "name ASC"],
    ["last_updated_timestamp", "name", "version_number"],
    ["creation_timestamp DESC", "name", "version_number"],
    ["run_id"],
    ["tags.k"],
    ["nobody"],
    ["name SIDEWAYS"],
    [""],
]
for order in ORDERS:
    t(f"versions by {order}", in_order, versions, order)
t("versions, pages of 2", pages, client.search_model_versions, 2, told, order_by=["name", "version_number"])
t("versions, pages of 1 of what a filter leaves", pages, client.search_model_versions, 1, told, filter_string="name = 'alpha'", order_by=["version_number DESC"])
for size in (0, -1, 200_000, 200_001):
    t(f"versions, a page of {size}", versions, max_results=size)
t("versions, a token of nobody", versions, page_token="nobody")

for path, kind in (("registered-models", "models"), ("model-versions", "versions")):
    for label, query in {
        "nothing said": {},
        "a size in words": {"max_results": "five"},
        "a size and a half": {"max_results": "1.5"},
        "a filter twice": {"filter": ["name = 'alpha'", "name = 'beta'"]},
        "two orders": {"order_by": ["name DESC", "nobody"]},
        "a field of nobody": {"nobody": "x"},
    }.items():
        response = requests.get(f"{SERVER}/api/2.0/mlflow/{path}/search", params=query)
        found = {"count": sum(map(len, response.json().values()))} if response.ok else {"error": response.json().get("error_code")}
        t.note(f"raw {kind}, {label}", {"status": response.status_code, **found})
t("models through the fluent door", lambda: [model.name for model in mlflow.search_registered_models(order_by=["name"])])
t("versions through the fluent door", lambda: len(mlflow.search_model_versions(filter_string="name = 'alpha'")))
t.end()
