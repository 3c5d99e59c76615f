"""search_experiments: filters, orders, pages, views; and what is refused."""

import mlflow
import requests
from mlflow.entities import ViewType
from transcript import SERVER, Transcript

t = Transcript()
client = mlflow.MlflowClient()
MADE = {
    "alpha": {"team": "risk", "empty": ""},
    "Alpha": {"team": "Risk"},
    "beta": {"team": "it's", "x.y z": "dots", "a/b": "slash"},
    "b_ta": {"tÄg": "日本 🚀"},
    "100%": {},
    "gone": {"team": "risk"},
}
IDS = {name: client.create_experiment(name, tags=tags) for name, tags in MADE.items()}
for experiment in IDS.values():
    t.name("experiment", experiment)
client.delete_experiment(IDS["gone"])
created = {name: client.get_experiment(experiment).creation_time for name, experiment in IDS.items()}


def find(filter_string=None, order_by=("name ASC",), **how):
    return [experiment.name for experiment in client.search_experiments(filter_string=filter_string, order_by=order_by, **how)]


t("one in full", client.search_experiments, filter_string="name = 'beta'")
t("all", find)
t("deleted ones", find, view_type=ViewType.DELETED_ONLY)
t("all there are", find, view_type=ViewType.ALL)

FILTERS = r"""
name = 'alpha'
name = "alpha"
name = 'ALPHA'
name != 'alpha'
name LIKE 'alpha'
name LIKE 'a%'
name LIKE 'A%'
name LIKE 'b_ta'
name LIKE '%\%%'
name LIKE ''
name ILIKE 'a%'
name like 'a%'
name IN ('alpha', 'beta')
name NOT IN ('alpha')
name IS NULL
name > 'a'
name = 7
name = alpha
attribute.name = 'alpha'
attributes.name = 'alpha'
attr.name = 'alpha'
experiment.name = 'alpha'
`name` = 'alpha'
"name" = 'alpha'
Name = 'alpha'
experiment_id = '1'
experiment_id = 1
experiment_id != '0'
experiment_id IN ('1', '2')
experiment_id NOT IN ('0')
experiment_id LIKE '1%'
experiment_id > '1'
creation_time > 0
creation_time < 0
creation_time = '0'
creation_time LIKE '1%'
last_update_time > 0
last_update_time >= 0.5
lifecycle_stage = 'active'
artifact_location LIKE '%'
tags.team = 'risk'
tags.team = 'Risk'
tags.team != 'risk'
tags.team LIKE 'r%'
tags.team ILIKE 'r%'
tags.team IN ('risk')
tags.team IS NULL
tags.team IS NOT NULL
tags.team = "it's"
tags.empty = ''
tag.team = 'risk'
tags.`x.y z` = 'dots'
tags."x.y z" = 'dots'
tags.a/b = 'slash'
tags.`a/b` = 'slash'
tags.`tÄg` = '日本 🚀'
tags.nobody = 'x'
tags.nobody != 'x'
tags.team = risk
tags.team > 'a'
name = 'alpha' AND tags.team = 'risk'
name = 'alpha' and tags.team = 'risk'
tags.team = 'risk' AND tags.empty = ''
tags.team = 'risk' AND tags.team = 'Risk'
name = 'alpha' OR name = 'beta'
(name = 'alpha')
NOT name = 'alpha'
name = 'alpha' AND
name
= 'alpha'
name = 'alpha'; DROP TABLE experiments
metrics.acc > 1
params.p = 'x'
""".strip("\n").split("\n")
for text in FILTERS:
    t(text, find, text)
t("only spaces", find, "  ")
t("an empty filter", find, "")
t("after the first", lambda: "alpha" in find(f"creation_time > {created['alpha']}"))
t("from the first on", lambda: "alpha" in find(f"creation_time >= {created['alpha']}"))
t("by the times of creation", find, f"creation_time = {created['beta']} AND name = 'beta'")

ORDERS = [
    ["name"],
    ["name ASC"],
    ["name DESC"],
    ["name desc"],
    ["attributes.name DESC"],
    ["experiment_id"],
    ["experiment_id DESC"],
    ["creation_time ASC", "experiment_id ASC"],
    ["creation_time DESC", "experiment_id DESC"],
    ["last_update_time ASC", "experiment_id ASC"],
    ["name", "name DESC"],
    ["tags.team"],
    ["nobody"],
    ["name SIDEWAYS"],
    ["name, experiment_id"],
    [""],
    [],
]
for order in ORDERS:
    # Those that are made within one millisecond have no order by its time.
    t(f"by {order}", lambda: find(order_by=order) if order else sorted(find(order_by=order)))

client.set_experiment_tag(IDS["alpha"], "late", "v")
t("a tag does not make it the last that was changed", lambda: find(order_by=["last_update_time DESC"])[:1] == ["alpha"])
client.rename_experiment(IDS["alpha"], "renamed")
t("a name does", lambda: find(order_by=["last_update_time DESC"])[:1])


def pages(size, **how):
    """The pages of a search, each as the names on it."""
    found, token = [], None
    while True:
        page = client.search_experiments(max_results=size, page_token=token, **how)
        found.append([experiment.name for experiment in page])
        token = page.token
        if not token:
            return found


t("pages of 2", pages, 2, order_by=["name"])
t("pages of 1, backwards", pages, 1, order_by=["name DESC"])
t("pages of 3, as many as there are twice over", pages, 3, order_by=["name"])
t("pages of what a filter leaves", pages, 1, filter_string="tags.team LIKE '%'", order_by=["name"])
t("pages of all there are", pages, 4, view_type=ViewType.ALL, order_by=["name"])
for size in (0, -1, 50_000, 50_001, 10**10):
    t(f"a page of {size}", find, max_results=size)
t("a token of nobody", find, page_token="nobody")
t("an empty token", find, page_token="")

SEARCH = "/api/2.0/mlflow/experiments/search"


def raw(method, said):
    """The names that a request by hand finds, or how it was refused."""
    response = requests.request(method, SERVER + SEARCH, **said)
    if response.status_code != 200:
        return {"status": response.status_code, "error": response.json().get("error_code")}
    return sorted(found["name"] for found in response.json().get("experiments", []))


for label, query in {
    "with a size": {"max_results": 1000},
    "without a size": {},
    "with a view": {"max_results": 1000, "view_type": "DELETED_ONLY"},
    "with a view by number": {"max_results": 1000, "view_type": 2},
    "with a view that is none": {"max_results": 1000, "view_type": "SIDEWAYS"},
    "with a filter": {"max_results": 1000, "filter": "name LIKE 'b%'"},
    "with a size in words": {"max_results": "five"},
    "with a field of nobody": {"max_results": 1000, "nobody": "x"},
}.items():
    t(f"raw GET {label}", raw, "GET", {"params": query})
    t(f"raw POST {label}", raw, "POST", {"json": query})
t.end()
