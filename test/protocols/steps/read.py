"""Tells every value of the rows that it was given, as pandas has them."""

import json
import os

import pandas
import pyarrow

with open(os.environ["GYRE_INPUTS"]) as file:
    path = json.load(file)["rows"]["path"]

suffix = os.path.splitext(path)[1]
if suffix == ".arrow":
    with pyarrow.memory_map(path) as source:
        frame = pyarrow.ipc.open_file(source).read_pandas()
else:
    frame = pandas.read_parquet(path)


def plain(value):
    if pandas.isna(value):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat().removesuffix("+00:00")
    return value.item() if hasattr(value, "item") else value


values = {name: [plain(value) for value in frame[name]] for name in frame.columns}
with open(os.environ["GYRE_REPORT"], "w") as report:
    print(json.dumps({"output": "suffix", "value": suffix}), file=report)
    print(json.dumps({"output": "values", "value": values}), file=report)
