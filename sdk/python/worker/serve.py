"""Answers for one model of MLflow's, in a process of its own: frames in on standard input, frames out on standard output.

A frame is four bytes, the length of a header (big-endian); the header, JSON; and the numbers of its tensors, one after the
other, little-endian. Texts stand in the header. It ends when its input does.
"""

import json
import os
import struct
import sys
import warnings

warnings.filterwarnings("ignore")
# What a model prints must not stand between frames.
channel = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

NUMPY = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "INT8": "i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
OF_COLUMN = {"boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64", "string": "BYTES"}


class Refusal(Exception):
    """What the caller is told as it is."""


def read(length):
    parts = []
    while length > 0:
        part = os.read(0, min(length, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def receive():
    (length,) = struct.unpack(">I", read(4))
    header = json.loads(read(length))
    return header, [tensor_in(one) for one in header.get("tensors", [])]


def tensor_in(told):
    import numpy

    if told["datatype"] == "BYTES":
        return told["name"], numpy.asarray(told["texts"], object).reshape(told["shape"])
    values = numpy.frombuffer(read(told["bytes"]), NUMPY[told["datatype"]])
    return told["name"], values.reshape(told["shape"])


def send(header, tensors=()):
    told, bodies = [], []
    for name, values in tensors:
        datatype = datatype_of(values)
        one = {"name": name, "datatype": datatype, "shape": list(values.shape)}
        if datatype == "BYTES":
            told.append({**one, "bytes": 0, "texts": [str(text) for text in values.ravel()]})
        else:
            body = values.astype(NUMPY[datatype]).tobytes()
            told.append({**one, "bytes": len(body)})
            bodies.append(body)
    text = json.dumps({**header, "tensors": told}).encode()
    channel.write(struct.pack(">I", len(text)) + text + b"".join(bodies))
    channel.flush()


def datatype_of(values):
    kinds = {("b", 1): "BOOL", ("f", 4): "FP32", ("f", 8): "FP64"}
    kind = (values.dtype.kind, values.dtype.itemsize)
    if kind in kinds:
        return kinds[kind]
    if kind[0] in "iu":
        return {"i": "INT", "u": "UINT"}[kind[0]] + str(8 * kind[1])
    if kind[0] == "f":
        return datatype_of(values.astype("f4"))
    return "BYTES"


class Served:
    def __init__(self, folder):
        import mlflow.pyfunc

        self.model = mlflow.pyfunc.load_model(folder)
        self.schema = self.model.metadata.get_input_schema()
        if self.schema is None:
            raise Refusal("the model has no signature, which says what it takes: log it with input_example=…")
        self.inputs = self.declared()
        sample = self.model.input_example
        outputs = self.answers(sample if sample is not None else self.rows(self.zeros()))
        self.outputs = [
            {"name": name, "datatype": datatype_of(values), "shape": [-1, *values.shape[1:]]} for name, values in outputs
        ]

    def declared(self):
        if self.schema.is_tensor_spec():
            return [
                {
                    "name": spec.name or "features",
                    "datatype": datatype_of(numpy_of(spec.type)),
                    "shape": [-1 if dim is None else int(dim) for dim in spec.shape],
                }
                for spec in self.schema.inputs
            ]
        made = []
        for spec in self.schema.inputs:
            kind = getattr(spec.type, "name", str(spec.type))
            if kind not in OF_COLUMN:
                raise Refusal(f"signature.inputs.{spec.name}: a {kind} has no tensor; known are {', '.join(OF_COLUMN)}")
            made.append({"name": str(spec.name or "features"), "datatype": OF_COLUMN[kind], "shape": [-1]})
        return made

    def zeros(self):
        import numpy

        made = []
        for one in self.inputs:
            shape = [max(1, dim) for dim in one["shape"]]
            kind = object if one["datatype"] == "BYTES" else NUMPY[one["datatype"]]
            made.append((one["name"], numpy.full(shape, "" if kind is object else 0, kind)))
        return made

    def rows(self, tensors):
        """Tensors as the model takes them."""
        import pandas

        given = dict(tensors)
        if not self.schema.is_tensor_spec():
            return pandas.DataFrame({one["name"]: given[one["name"]] for one in self.inputs})
        if len(self.inputs) == 1 and not self.schema.inputs[0].name:
            return given["features"]
        return given

    def answers(self, rows):
        """What it predicts as tensors, whose first axis counts rows."""
        import numpy
        import pandas

        given = self.model.predict(rows)
        if isinstance(given, pandas.DataFrame):
            given = {str(name): given[name] for name in given}
        if not isinstance(given, dict):
            given = {"prediction": given}
        made = [(str(name), numpy.asarray(values)) for name, values in given.items()]
        return [(name, values.reshape(1) if values.ndim == 0 else values) for name, values in made]


def numpy_of(kind):
    import numpy

    return numpy.empty(0, kind)


def told_wrong(error):
    return str(error) if isinstance(error, Refusal) else f"{type(error).__name__}: {str(error)[:500]}"


def serve():
    model = None
    send({"kind": "ready"})
    while True:
        header, tensors = receive()
        try:
            if header["kind"] == "load":
                model = Served(header["folder"])
                send({"kind": "loaded", "inputs": model.inputs, "outputs": model.outputs})
            else:
                answered = model.answers(model.rows(tensors))
                send({"kind": "tensors"}, answered)
        except Exception as error:
            code = "INVALID_INPUT" if header["kind"] == "load" else "MODEL_FAILED"
            send({"kind": "refused", "code": code, "message": told_wrong(error)})


serve()
