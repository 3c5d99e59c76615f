"""Serves an ONNX model as a FastAPI tutorial does: a pydantic body, a plain function, onnxruntime, one worker.

The argument is a JSON file: `onnx`, a path; `rates`, the model's table of rates; `features`, what a look-up
would find. Prints its address once it listens. It routes, looks up and logs nothing.
"""

import json
import socket
import sys
from datetime import datetime

import numpy
import onnxruntime
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

with open(sys.argv[1]) as file:
    settings = json.load(file)

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(settings["onnx"], options, providers=["CPUExecutionProvider"])
rates = settings["rates"]
looked_up = settings["features"]
app = FastAPI()


class Fields(BaseModel):
    date: datetime
    origin: str


class Ask(BaseModel):
    subject: int
    at: datetime | None = None
    input: Fields | None = None
    features: list[float] | None = None


class Answer(BaseModel):
    prediction: int
    confidence: float
    score: float
    model_version: str


def vector_of(ask: Ask) -> list[float]:
    if ask.input is None:
        return ask.features
    return [ask.input.date.hour, rates.get(ask.input.origin, 0.2), *looked_up]


@app.post("/predict")
def predict(ask: Ask) -> Answer:
    features = numpy.array([vector_of(ask)], dtype=numpy.float32)
    score = float(session.run(["probability"], {"features": features})[0][0, 0])
    prediction = int(score >= 0.5)
    confidence = score if prediction else 1 - score
    return Answer(prediction=prediction, confidence=confidence, score=score, model_version="bench@1")


listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(128)
print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
server.run(sockets=[listener])
