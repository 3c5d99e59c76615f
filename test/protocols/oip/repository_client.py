"""Asks a model repository by the client of Triton: index, versions, load and unload. Prints what it got as JSON."""

import json
import sys

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

client = http.InferenceServerClient(sys.argv[1])
rows = http.InferInput("features", [2, 3], "FP32")
rows.set_data_from_numpy(np.array([[1, 2, 0.5], [0, 0, 0]], np.float32))


def ask(version=""):
    reply = client.infer("churn", [rows], model_version=version)
    return [reply.get_response()["model_version"], reply.as_numpy("probability").tolist()]


def refusal(call):
    try:
        call()
    except InferenceServerException as error:
        return [error.status(), error.message()]


told = {
    "index": client.get_model_repository_index(),
    "config": client.get_model_config("churn")["max_batch_size"],
    "answers": [ask(), ask("1"), ask("3")],
    "policy": refusal(lambda: ask("2"))[0],
}
client.unload_model("churn")
told["unloaded"] = [client.is_model_ready("churn"), refusal(ask)[0]]
client.load_model("churn")
told["loaded"] = [client.is_model_ready("churn"), ask()[0]]
told["unknown"] = refusal(lambda: client.load_model("nope"))[0]
told["configured"] = refusal(lambda: client.load_model("churn", config="{}"))[0]
print(json.dumps(told))
