"""Logs an ONNX model with weights in a file of their own, registers it, and prints what onnxruntime answers."""

import json
import sys

import mlflow
import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("served")
random = numpy.random.default_rng(7)
weights = random.normal(size=(40, 30)).astype("f4")


def model(scale):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 40])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 30])],
        [numpy_helper.from_array(weights * scale, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def answer(made, rows):
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": rows})[0].ravel().tolist()


rows = random.normal(size=(3, 40)).astype("f4")
versions = []
for scale in (1, 2):
    with mlflow.start_run() as run:
        logged = mlflow.onnx.log_model(
            model(numpy.float32(scale)), name="model", input_example=rows, registered_model_name="dense"
        )
        versions.append({"run": run.info.run_id, "model": logged.model_id, "answer": answer(model(numpy.float32(scale)), rows)})
mlflow.MlflowClient().set_registered_model_alias("dense", "best", "1")
mlflow.onnx.save_model(model(numpy.float32(3)), sys.argv[2], input_example=rows)
print(json.dumps({"rows": rows.ravel().tolist(), "versions": versions, "folder": answer(model(numpy.float32(3)), rows)}))
