"""Asks a served model by the gRPC clients that people have; prints what each got as JSON."""
import asyncio
import json
import sys

import numpy as np

address, model, client_of = sys.argv[1:]
# Both bring the protocol's messages under the same names, so a process can load one of them.
if client_of == "triton":
    import tritonclient.grpc as grpc
    import tritonclient.grpc.aio as grpc_aio
    from tritonclient.utils import InferenceServerException
else:
    from kserve import InferenceGRPCClient, InferInput, InferRequest
rows = np.array([[1, 2, 0.5], [0, 0, 0]], dtype=np.float32)


def given(kind, values=rows):
    tensor = kind("features", list(values.shape), "FP32")
    tensor.set_data_from_numpy(values)
    return [tensor]


def triton():
    told = {}
    client = grpc.InferenceServerClient(address)
    told["live"] = client.is_server_live()
    told["ready"] = [client.is_server_ready(), client.is_model_ready(model), client.is_model_ready(model, "1")]
    told["server"] = client.get_server_metadata().name
    told["model"] = client.get_model_metadata(model, as_json=True)
    told["index"] = client.get_model_repository_index(as_json=True)
    reply = client.infer(model, given(grpc.InferInput), request_id="7", client_timeout=30)
    told["infer"] = [reply.get_response().id, reply.get_response().model_version, reply.as_numpy("probability").tolist()]
    big = client.infer(model, given(grpc.InferInput, np.zeros((20_000, 3), dtype=np.float32)))
    told["big"] = list(big.as_numpy("probability").shape)
    best = [grpc.InferRequestedOutput("probability", class_count=1)]
    ranked = client.infer(model, given(grpc.InferInput), outputs=best).as_numpy("probability")
    told["classes"] = [text.decode().split(":")[1] for text in ranked.flatten()]
    wrong = grpc.InferInput("features", [1, 3], "FP64")
    wrong.set_data_from_numpy(np.zeros((1, 3)))
    for name, asked, inputs in [("wrong", model, [wrong]), ("unknown", "nope", given(grpc.InferInput))]:
        try:
            client.infer(asked, inputs)
            told[name] = "answered"
        except InferenceServerException as refused:
            told[name] = [refused.status(), refused.message()]
    told["stats"] = client.get_inference_statistics(model, as_json=True)
    told["all stats"] = [one.name for one in client.get_inference_statistics().model_stats]
    client.close()
    return told


async def triton_aio():
    async with grpc_aio.InferenceServerClient(address) as client:
        replies = await asyncio.gather(*(client.infer(model, given(grpc_aio.InferInput)) for _ in range(8)))
        return replies[-1].as_numpy("probability").tolist()


async def kserve(binary):
    tensor = InferInput("features", list(rows.shape), "FP32")
    tensor.set_data_from_numpy(rows, binary_data=binary)
    client = InferenceGRPCClient(address)
    reply = await client.infer(InferRequest(model_name=model, infer_inputs=[tensor]))
    told = reply.outputs[0].as_numpy().tolist()
    ready = await client.is_model_ready(model)
    await client.close()
    return [ready, told]


async def main():
    if client_of == "triton":
        told = {"triton": triton(), "triton aio": await triton_aio()}
    else:
        told = {"kserve typed": await kserve(False), "kserve raw": await kserve(True)}
    print(json.dumps(told))


asyncio.run(main())
