"""Trains LightGBM on tables named on standard input, one JSON object a line, and answers in kind.

A request names a file of column-major float32 features, one of float32 labels, how many rows to train on
(the rest is scored) and the parameters; the scores are written, as float64, to the file `scores`.
"""

import json
import os
import sys
import time

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm  # noqa: E402
import numpy  # noqa: E402

for line in sys.stdin:
    request = json.loads(line)
    labels = numpy.fromfile(request["labels"], dtype=numpy.float32)
    columns = numpy.fromfile(request["features"], dtype=numpy.float32).reshape(-1, len(labels))
    features = numpy.ascontiguousarray(columns.T)
    size = request["train"]
    started = time.process_time()
    table = lightgbm.Dataset(features[:size], labels[:size], params=request["parameters"])
    model = lightgbm.train(request["parameters"], table, request["rounds"])
    seconds = time.process_time() - started
    model.predict(features[size:]).astype(numpy.float64).tofile(request["scores"])
    print(json.dumps({"seconds": seconds}), flush=True)
