"""Makes an ONNX graph of a model that MLflow logged, and measures how far its answers are from the model's own.

Started as ``convert.py JOB REPORT``: the job says which files hold the model, the report what came of it. What the model
answers is what ``mlflow.pyfunc`` would: the same call of the same library on the same rows.
"""

import json
import os
import sys
import warnings

import numpy
import onnx
import onnxruntime
import pandas
from onnx import TensorProto, helper

warnings.filterwarnings("ignore")

with open(sys.argv[1]) as file:
    job = json.load(file)

#: ONNX 15 is the newest that the converters of XGBoost and LightGBM write.
OPSETS = {"": 15, "ai.onnx.ml": 3}
#: Rows that are tried besides the example: a few say little about a forest.
SAMPLED = 256
#: Modules whose types skops may make without being told: they hold numbers, and no code of the model's maker.
TRUSTED = ("sklearn.", "numpy.", "scipy.", "lightgbm.", "xgboost.", "collections.OrderedDict")


class Refusal(Exception):
    """What is told to the user as it is."""


def path(name):
    return os.path.join(job["model"], name)


def loaded():
    """The model, by the file that its MLmodel names."""
    name, form = path(job["file"]), job["format"]
    if form == "skops":
        return from_skops(name)
    if form == "pickle":
        return from_pickle(name)
    if job["library"] == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=name)
    import xgboost

    kind = job["class"].rsplit(".", 1)[-1]
    model = (xgboost.Booster if kind == "Booster" else getattr(xgboost, kind))()
    model.load_model(name)
    return model


def from_skops(name):
    import skops.io

    odd = [one for one in skops.io.get_untrusted_types(file=name) if not one.startswith(TRUSTED)]
    if odd and not job["allowPickle"]:
        raise Refusal(f"the model holds types of its own ({', '.join(odd)}); start gyre with --allow-pickle to load them")
    return skops.io.load(name, trusted=skops.io.get_untrusted_types(file=name))


def from_pickle(name):
    import cloudpickle

    with open(name, "rb") as file:
        return cloudpickle.load(file)


# --- rows ------------------------------------------------------------------------------------------------------------

NUMBERS = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}


def example():
    """The logged example as a frame or an array; none where there is none that can be read."""
    if job["example"] is None:
        return None
    with open(path(job["example"])) as file:
        given = json.load(file)
    if isinstance(given, dict) and "data" in given:
        return pandas.DataFrame(given["data"], columns=given.get("columns"))
    if isinstance(given, dict) and "inputs" in given:
        given = given["inputs"]
    if isinstance(given, dict):
        return pandas.DataFrame(given)
    return numpy.atleast_2d(numpy.asarray(given))


def typed(rows):
    """The example in the types that the signature declares."""
    columns = job["columns"]
    if not isinstance(rows, pandas.DataFrame) or columns is None:
        return rows
    for column in columns:
        if column["type"] in NUMBERS and rows[column["name"]].notna().all():
            rows = rows.astype({column["name"]: NUMBERS[column["type"]]})
    return rows


def from_signature(draw):
    columns = job["columns"]
    if columns is None:
        if job["width"] is None:
            raise Refusal("the model has neither an input example nor a signature: log it again with input_example=…")
        return draw.normal(size=(SAMPLED, job["width"]))
    made = {}
    for column in columns:
        if column["type"] not in NUMBERS:
            raise Refusal(
                f"{column['name']}: a {column['type']} cannot be made up; log the model again with input_example=…"
            )
        made[column["name"]] = draw.normal(size=SAMPLED).astype(NUMBERS[column["type"]])
    return pandas.DataFrame(made)


def in_between(rows, draw):
    """Rows whose every column lies in the range of the example's, drawn alone; texts are those that are there."""
    if not isinstance(rows, pandas.DataFrame):
        low, high = rows.min(axis=0), rows.max(axis=0)
        return draw.uniform(low - 1, high + 1, size=(SAMPLED, *rows.shape[1:])).astype(rows.dtype)
    made = {}
    for name, column in rows.items():
        if pandas.api.types.is_float_dtype(column):
            made[name] = draw.uniform(column.min() - 1, column.max() + 1, SAMPLED).astype(column.dtype)
        else:
            made[name] = draw.choice(column.to_numpy(), SAMPLED)
    return pandas.DataFrame(made).astype(rows.dtypes)


def as_float32(rows):
    """What clients send: the model is asked the very numbers that the graph is."""
    if not isinstance(rows, pandas.DataFrame):
        return rows.astype("f4").astype(rows.dtype)
    floats = [name for name in rows if rows[name].dtype == "float64"]
    return rows.astype({name: "float32" for name in floats}).astype({name: "float64" for name in floats})


# --- conversion ------------------------------------------------------------------------------------------------------


def is_plain(rows):
    """Whether all columns are numbers, so that one matrix holds them."""
    if not isinstance(rows, pandas.DataFrame):
        return True
    return all(pandas.api.types.is_numeric_dtype(kind) and kind != "bool" for kind in rows.dtypes)


def selects_columns(model):
    return "ColumnTransformer" in repr(type(model)) or any(
        selects_columns(step) for _, step in getattr(model, "steps", [])
    )


def feeds(rows, wide, matrix):
    """Rows as the graph takes them."""
    kind = "f8" if wide else "f4"
    if matrix:
        return {"features": numpy.ascontiguousarray(numpy.asarray(rows), kind)}
    given = {}
    for name, column in rows.items():
        values = column.to_numpy().reshape(-1, 1)
        if pandas.api.types.is_float_dtype(column):
            given[str(name)] = values.astype(kind)
        elif pandas.api.types.is_numeric_dtype(column):
            given[str(name)] = values.astype("i8")
        else:
            given[str(name)] = values.astype(str).astype(object)
    return given


def declared(given, types):
    names = {"f": types.FloatTensorType, "i": types.Int64TensorType, "O": types.StringTensorType}
    made = []
    for name, values in given.items():
        kind = types.DoubleTensorType if values.dtype == "f8" else names[values.dtype.kind]
        made.append((name, kind([None, values.shape[1]])))
    return made


def graph_of_sklearn(model, given):
    from skl2onnx import convert_sklearn
    from skl2onnx.common import data_types

    options = {"zipmap": False} if hasattr(model, "classes_") else None
    return convert_sklearn(model, initial_types=declared(given, data_types), options=options, target_opset=OPSETS)


def graph_of_booster(model, given):
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common import data_types

    types = declared(given, data_types)
    if job["library"] == "lightgbm":
        return convert_lightgbm(model, initial_types=types, target_opset=OPSETS[""], zipmap=False)
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    names = booster.feature_names
    # The converter takes no names but f0, f1, …
    booster.feature_names = None
    try:
        return convert_xgboost(model, initial_types=types, target_opset=OPSETS[""])
    finally:
        booster.feature_names = names


def finished(onx, expected):
    """The graph with outputs named by what they are; the first is what the model's own ``predict`` gives."""
    graph = onx.graph
    for output in graph.output:
        shape = output.type.tensor_type.shape
        # LightGBM's converter declares one label, whatever the number of rows.
        if shape.dim:
            shape.dim[0].ClearField("dim_value")
            shape.dim[0].dim_param = "rows"
    for value in graph.input:
        value.type.tensor_type.shape.dim[0].dim_param = "rows"
    names = [output.name for output in graph.output]
    if len(names) == 1:
        rename(graph, names[0], "prediction")
    elif names != ["label", "probabilities"]:
        raise Refusal(f"the converter made outputs that are not understood: {', '.join(names)}")
    elif expected.ndim == 2:
        # predict gives the probabilities of all classes.
        keep(graph, ["probabilities"])
    elif job["probability"]:
        graph.initializer.append(helper.make_tensor("gyre_one", TensorProto.INT64, [], [1]))
        graph.node.append(helper.make_node("Gather", ["probabilities", "gyre_one"], ["prediction"], axis=1))
        kind = next(one for one in graph.output if one.name == "probabilities").type.tensor_type.elem_type
        graph.output.insert(0, helper.make_tensor_value_info("prediction", kind, ["rows"]))
        keep(graph, ["prediction", "probabilities"])
        if not any(one.domain == "" for one in onx.opset_import):
            onx.opset_import.append(helper.make_opsetid("", OPSETS[""]))
    onnx.checker.check_model(onx)
    return onx


def rename(graph, before, after):
    for node in graph.node:
        node.output[:] = [after if name == before else name for name in node.output]
        node.input[:] = [after if name == before else name for name in node.input]
    for output in graph.output:
        if output.name == before:
            output.name = after


def keep(graph, names):
    kept = [output for output in graph.output if output.name in names]
    del graph.output[:]
    graph.output.extend(kept)


# --- parity ----------------------------------------------------------------------------------------------------------


def own_answers(model, rows):
    """What ``mlflow.pyfunc`` gives, and the probabilities of a classifier that has some."""
    if job["class"].endswith("core.Booster"):
        import xgboost

        return numpy.asarray(model.predict(xgboost.DMatrix(rows))), None
    if job["predict"] == "predict_proba":
        return numpy.asarray(model.predict_proba(rows)), None
    given = numpy.asarray(model.predict(rows))
    has_probabilities = hasattr(model, "classes_") and hasattr(model, "predict_proba")
    return given, numpy.asarray(model.predict_proba(rows)) if has_probabilities else None


def differences(expected, actual):
    """The largest difference, absolute and relative to the value or to what values are on average."""
    expected, actual = expected.astype("f8").ravel(), actual.astype("f8").ravel()
    if expected.shape != actual.shape:
        raise Refusal(f"the graph gives {actual.size} numbers where the model gives {expected.size}")
    if not numpy.isfinite(actual).all():
        return float("inf"), float("inf")
    apart = numpy.abs(expected - actual)
    scale = numpy.maximum(numpy.abs(expected), numpy.abs(expected).mean())
    return float(apart.max()), float((apart / numpy.where(scale == 0, 1, scale)).max())


def parity(onx, given, expected, probabilities):
    session = onnxruntime.InferenceSession(onx.SerializeToString(), providers=["CPUExecutionProvider"])
    outputs = dict(zip([one.name for one in session.get_outputs()], session.run(None, given)))
    first = next(iter(outputs.values()))
    found = {"absolute": 0.0, "relative": 0.0, "labels": 0}
    if "label" in outputs:
        found["labels"] = int((outputs["label"].astype(str).ravel() != expected.astype(str).ravel()).sum())
        pairs = [] if probabilities is None else [(probabilities, outputs["probabilities"])]
    else:
        pairs = [(expected, first)]
    for one, other in pairs:
        absolute, relative = differences(one, other)
        found = {**found, "absolute": max(found["absolute"], absolute), "relative": max(found["relative"], relative)}
    return found


def convert():
    model = loaded()
    draw = numpy.random.default_rng(0)
    logged = typed(example()) if job["example"] is not None else None
    source = "signature" if logged is None else "input_example"
    rows = from_signature(draw) if logged is None else logged
    sampled = in_between(rows, draw)
    if isinstance(rows, pandas.DataFrame):
        rows = pandas.concat([rows, sampled], ignore_index=True)
    else:
        rows = numpy.concatenate([rows, sampled])
    rows = as_float32(rows)
    expected, probabilities = own_answers(model, rows)
    matrix = is_plain(rows) and not selects_columns(model)
    if not matrix and job["library"] != "sklearn":
        raise Refusal("a booster of texts and categories has no ONNX form")
    best = None
    # What computes in float64 may need to in the graph as well; clients rather send float32.
    for wide in (False, True) if job["library"] == "sklearn" else (False,):
        given = feeds(rows, wide, matrix)
        make = graph_of_sklearn if job["library"] == "sklearn" else graph_of_booster
        try:
            onx = finished(make(model, given), expected)
            found = parity(onx, given, expected, probabilities)
        except Exception:
            if best is None:
                raise
            break
        if best is None or (found["labels"], found["relative"]) < (best[1]["labels"], best[1]["relative"]):
            best = (onx, found)
        if found["relative"] <= job["bound"] and found["labels"] == 0:
            break
    onx, found = best
    onnx.save_model(onx, job["onnx"])
    return {"parity": {**found, "rows": len(rows), "from": source}, "onnxVersion": onnx.__version__}


try:
    report = convert()
except Refusal as refusal:
    report = {"refused": str(refusal)}
except Exception as error:
    report = {"refused": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"}
with open(sys.argv[2], "w") as file:
    json.dump(report, file)
