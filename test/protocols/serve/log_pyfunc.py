"""Logs models that have no graph, and prints what ``mlflow.pyfunc`` answers."""

import json
import os
import sys
import warnings

import mlflow
import numpy
import pandas

warnings.filterwarnings("ignore")
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("python")


class Greeting(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        if (model_input["visits"] == 666).any():
            os._exit(9)
        if (model_input["visits"] < 0).any():
            raise ValueError("visits before the first")
        text = model_input["plan"].str.upper() + model_input["visits"].astype(str)
        return pandas.DataFrame({"text": text, "score": model_input["visits"] * 1.5})


rows = pandas.DataFrame({"plan": ["gold", "free", "gold"], "visits": numpy.array([1, 2, 30], "i8")})
pinned = [f"{name}=={module.__version__}" for name, module in (("mlflow", mlflow), ("pandas", pandas), ("numpy", numpy))]
with mlflow.start_run():
    logged = mlflow.pyfunc.log_model(
        name="model", python_model=Greeting(), input_example=rows, registered_model_name="greeting", pip_requirements=pinned
    )
answer = mlflow.pyfunc.load_model(logged.model_uri).predict(rows)
print(json.dumps({"text": answer["text"].tolist(), "score": answer["score"].tolist()}))
