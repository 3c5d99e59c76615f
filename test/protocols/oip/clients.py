"""Asks a served model by the clients that people have; prints what each got as JSON."""
import asyncio
import json
import sys
from urllib.parse import urlparse

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from tritonclient.utils import InferenceServerException

url, model = sys.argv[1:]
address = urlparse(url).netloc
rows = np.array([[1, 2, 0.5], [0, 0, 0]], dtype=np.float32)


def given(kind, values=rows, binary=True):
    tensor = kind("features", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values, binary_data=binary)
    return [tensor]


def triton():
    told = {}
    client = http.InferenceServerClient(address, concurrency=4)
    told["live"] = client.is_server_live()
    told["ready"] = [client.is_server_ready(), client.is_model_ready(model), client.is_model_ready(model, "1")]
    told["server"] = client.get_server_metadata()["name"]
    told["model"] = client.get_model_metadata(model)
    told["config"] = client.get_model_config(model)["max_batch_size"]
    told["index"] = client.get_model_repository_index()
    for name, binary in [("binary", True), ("json", False)]:
        wanted = [http.InferRequestedOutput("probability", binary_data=binary)]
        reply = client.infer(model, given(http.InferInput, binary=binary), outputs=wanted, request_id="7")
        told[name] = [reply.get_response()["id"], reply.as_numpy("probability").tolist()]
    told["default"] = client.infer(model, given(http.InferInput)).as_numpy("probability").tolist()
    for packing in ["gzip", "deflate"]:
        reply = client.infer(
            model,
            given(http.InferInput, np.repeat(rows, 200, axis=0)),
            request_compression_algorithm=packing,
            response_compression_algorithm=packing,
        )
        told[packing] = reply.as_numpy("probability")[:2].tolist()
    futures = [client.async_infer(model, given(http.InferInput)) for _ in range(8)]
    told["async"] = [future.get_result().as_numpy("probability").tolist() for future in futures][-1]
    best = [http.InferRequestedOutput("probability", binary_data=True, class_count=1)]
    ranked = client.infer(model, given(http.InferInput), outputs=best).as_numpy("probability")
    told["classes"] = [text.decode().split(":")[1] for text in ranked.flatten()]
    wrong = http.InferInput("features", [1, 3], "FP64")
    wrong.set_data_from_numpy(np.zeros((1, 3)))
    for name, inputs in [("wrong", [wrong]), ("missing", [])]:
        try:
            client.infer(model, inputs)
            told[name] = "answered"
        except InferenceServerException as refused:
            told[name] = [refused.status(), refused.message()]
    urgent = client.infer(model, given(http.InferInput), priority=1, timeout=60_000_000)
    told["urgent"] = urgent.as_numpy("probability").tolist()
    try:
        client.infer(model, given(http.InferInput), priority=4)
    except InferenceServerException as refused:
        told["level"] = refused.status()
    try:
        client.get_inference_statistics("nope")
    except InferenceServerException as refused:
        told["no stats"] = refused.status()
    told["stats"] = client.get_inference_statistics(model, "1")
    told["all stats"] = [one["name"] for one in client.get_inference_statistics()["model_stats"]]
    client.close()
    return told


async def triton_aio():
    async with http_aio.InferenceServerClient(address) as client:
        replies = await asyncio.gather(*(client.infer(model, given(http.InferInput)) for _ in range(8)))
        return replies[-1].as_numpy("probability").tolist()


async def kserve(binary):
    tensor = InferInput("features", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    request = InferRequest(model_name=model, infer_inputs=[tensor])
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    reply = await client.infer(url, request, model_name=model)
    told = reply.outputs[0].as_numpy().tolist()
    ready = await client.is_model_ready(url, model)
    await client.close()
    return [ready, told]


async def kserve_v1():
    client = InferenceRESTClient(RESTConfig(protocol="v1", retries=0))
    reply = await client.infer(url, {"instances": rows.tolist()}, model_name=model)
    await client.close()
    return reply["predictions"]


async def main():
    print(
        json.dumps(
            {
                "triton": triton(),
                "triton aio": await triton_aio(),
                "kserve json": await kserve(False),
                "kserve binary": await kserve(True),
                "kserve v1": await kserve_v1(),
            }
        )
    )


asyncio.run(main())
