"""Artifacts: files up and down, folders, odd names, large files, deletion; and the paths that must not be."""

import hashlib
import os
import pathlib
import random
import re
from urllib.parse import unquote

import mlflow
import requests
from mlflow.artifacts import download_artifacts, list_artifacts, load_dict, load_image, load_text
from transcript import SERVER, Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("artifacts").experiment_id
t.name("experiment", experiment)
run = t("a run", client.create_run, experiment).info.run_id
here = pathlib.Path("files")


def write(path, content):
    path = here / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def tree(folder):
    """Every file below `folder` with the digest of its bytes."""
    root = pathlib.Path(folder)
    files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root.parent if root.is_file() else root)): digest(path) for path in files}


def digest(path):
    content = path.read_bytes()
    return f"{len(content)} bytes {hashlib.sha256(content).hexdigest()[:16]}"


def walk(path=None):
    """Every path that listing finds from `path` on, with its size; folders end in a slash."""
    found = []
    for info in client.list_artifacts(run, path):
        found += [f"{info.path}/", *walk(info.path)] if info.is_dir else [f"{info.path} {info.file_size}"]
    return found


t("nothing yet", client.list_artifacts, run)
t("log a file", client.log_artifact, run, write("a.txt", b"hello"))
t("log a file into a folder", client.log_artifact, run, write("b.bin", bytes(range(256))), "deep/er")
t("log an empty file", client.log_artifact, run, write("empty", b""))
t("log a file again, changed", client.log_artifact, run, write("a.txt", b"hello again"))
t("log a file that is not there", client.log_artifact, run, "files/nobody")
write("folder/one.txt", b"1")
write("folder/sub/two.txt", b"22")
write("folder/sub/sub/three.txt", b"333")
(here / "folder/hollow").mkdir()
t("log a folder", client.log_artifacts, run, str(here / "folder"))
t("log a folder into a folder", client.log_artifacts, run, str(here / "folder"), "copy")
t("log a folder as one artifact", client.log_artifact, run, str(here / "folder"), "whole")
t("log a text", client.log_text, run, "Ünï 日本 🚀\r\n", "text/läuft.txt")
t("log a dict", client.log_dict, run, {"b": [1, 2.5, None], "a": "é"}, "dict.json")
t("log a dict as YAML", client.log_dict, run, {"b": [1, 2.5, None], "a": "é"}, "dict.yaml")
NAMES = [
    "Ünï ¢ode 日本 🚀.txt", "with space.txt", "a+b.txt", "a%20b.txt", "100%.txt", "a&b=c.txt", "q?x.txt", "h#x.txt", "semi;colon.txt",
    "co:lon.txt", "quote'\".txt", "~tilde", ".hidden", "..dots", "dots..", "a..b", "-dash", "UPPER.txt", "upper.txt", "@at", "[b]{c}",
    "e\u0301.txt", "\u00e9.txt", "x" * 200, "new\nline", "con", "trailing.", "comma,", "$dollar", "`tick`", "p|pe", "star*", "<lt>",
]
for name in NAMES:
    t(f"log the name {name[:20]!r}", client.log_artifact, run, write(f"names/{name}", name.encode()), "names")
for name in NAMES:
    t(f"get the name {name[:20]!r}", lambda: tree(client.download_artifacts(run, f"names/{name}")))
t("list the names", lambda: sorted(info.path for info in client.list_artifacts(run, "names")))
t("list", client.list_artifacts, run)
t("list a folder", client.list_artifacts, run, "copy")
t("list a folder with a slash", client.list_artifacts, run, "copy/")
t("list a folder in a folder", client.list_artifacts, run, "copy/sub")
t("list a file", client.list_artifacts, run, "copy/one.txt")
t("list what is not there", client.list_artifacts, run, "nobody")
t("list a part of a name", client.list_artifacts, run, "cop")
t("list with an empty path", client.list_artifacts, run, "")
t("walk", walk)
t("get a file", lambda: tree(client.download_artifacts(run, "a.txt")))
t("get an empty file", lambda: tree(client.download_artifacts(run, "empty")))
t("get a folder", lambda: tree(client.download_artifacts(run, "copy")))
t("get into a folder", lambda: tree(client.download_artifacts(run, "copy/sub", str(here))))
t("get everything", lambda: len(tree(client.download_artifacts(run, ""))))
t("get what is not there", client.download_artifacts, run, "nobody")
t("get below a file", client.download_artifacts, run, "a.txt/b")
t("get of a run that is not there", client.download_artifacts, "0" * 32, "a.txt")
t("get by runs:/", lambda: tree(download_artifacts(f"runs:/{run}/copy/sub")))
t("get by mlflow-artifacts:/", lambda: tree(download_artifacts(f"mlflow-artifacts:/{experiment}/{run}/artifacts/copy/sub")))
t("list by runs:/", list_artifacts, f"runs:/{run}/copy")
t("load a text", load_text, f"runs:/{run}/text/läuft.txt")
t("load a dict", load_dict, f"runs:/{run}/dict.json")
t("load a YAML", load_dict, f"runs:/{run}/dict.yaml")

large = random.Random(7).randbytes(20_000_000)
t("log 20 MB", client.log_artifact, run, write("large.bin", large), "large")
t("its size", client.list_artifacts, run, "large")
t("get 20 MB", lambda: tree(client.download_artifacts(run, "large/large.bin")))
t("200 files", client.log_artifacts, run, os.path.dirname([write(f"many/{i:03}", b"x" * i) for i in range(200)][0]), "many")
t("list 200 files", lambda: [info.file_size for info in client.list_artifacts(run, "many")])
t("get 200 files", lambda: len(tree(client.download_artifacts(run, "many"))))


def log_image():
    import numpy

    return mlflow.log_image(numpy.zeros((4, 4, 3), dtype=numpy.uint8), "image.png")


def log_figure():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, _ = pyplot.subplots()
    return mlflow.log_figure(figure, "figure.png")


with mlflow.start_run(run_id=run):
    t("log an image", log_image)
    t("log a figure", log_figure)
    t("log an image with a key and a step", lambda: mlflow.log_image(__import__("numpy").zeros((4, 4, 3), "uint8"), key="dog", step=3, timestamp=5))
    t("log a table", mlflow.log_table, {"q": ["a", "b"], "n": [1, 2]}, "table.json")
    t("log more of the table", mlflow.log_table, {"q": ["c"], "n": [3]}, "table.json")
    # An image with a key is uploaded, and the run tagged with it, in the background.
    mlflow.flush_artifact_async_logging()
    mlflow.flush_async_logging()
    t("the uri", mlflow.get_artifact_uri)
    t("a uri below", mlflow.get_artifact_uri, "a/b.txt")
t("load an image", lambda: load_image(f"runs:/{run}/image.png").size)
t("load a table", lambda: mlflow.load_table("table.json", run_ids=[run]))
t("images by key", lambda: len(client.list_artifacts(run, "images")))
t("tags that those left", lambda: client.get_run(run).data.tags)

# Each in a run of its own: MLflow's client refuses a whole listing for one name that it takes for a path of Windows.
HOSTILE = [
    "../up.txt", "/abs.txt", "a/../../up.txt", "..", "a/..", "./x", "file:///etc/passwd", "a//b.txt", "C:\\x", "", "back\\slash", "..\\up.txt",
    "%2e%2e/up.txt", "%2e%2e%2fup.txt", "..%2fup.txt", "%252e%252e/up.txt",
]
for name in HOSTILE:
    odd = client.create_run(experiment).info.run_id
    t.name("run", odd)
    t(f"log a text as {name!r}", client.log_text, odd, "x", name)
    t(f"get {name!r}", lambda: tree(client.download_artifacts(odd, name)))
    t(f"list {name!r}", lambda: sorted(info.path for info in client.list_artifacts(odd, name)))
    t(f"what {name!r} left", lambda: sorted(info.path for info in client.list_artifacts(odd)))
for folder in ("../up", "/abs", "a/../../up", "..", "."):
    t(f"log a file into {folder!r}", client.log_artifact, run, str(here / "a.txt"), folder)
t("still as it was", lambda: sorted(info.path for info in client.list_artifacts(run)))


def repository():
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(client.get_run(run).info.artifact_uri)


t("delete a file", lambda: repository().delete_artifacts("a.txt"))
t("delete a folder", lambda: repository().delete_artifacts("copy"))
t("delete what is not there", lambda: repository().delete_artifacts("nobody"))
t("delete what climbs", lambda: repository().delete_artifacts("../../up"))
t("after those", lambda: sorted(info.path for info in client.list_artifacts(run)))

PROXY = "/api/2.0/mlflow-artifacts/artifacts"
base = f"{PROXY}/{experiment}/{run}/artifacts"
t.http("raw list", "GET", PROXY, params={"path": f"{experiment}/{run}/artifacts/deep"})
t.http("raw list of a file", "GET", PROXY, params={"path": f"{experiment}/{run}/artifacts/empty"})
t.http("raw list of what is not there", "GET", PROXY, params={"path": f"{experiment}/{run}/artifacts/nobody"})
t.http("raw put", "PUT", f"{base}/raw.txt", data=b"raw")
t.http("raw get", "GET", f"{base}/raw.txt")
t.http("raw get of what is not there", "GET", f"{base}/nobody")
t.http("raw get of a folder", "GET", f"{base}/deep")
t.http("raw put onto a folder", "PUT", f"{base}/deep", data=b"x")
t.http("raw put below a file", "PUT", f"{base}/raw.txt/below", data=b"x")
t.http("raw delete", "DELETE", f"{base}/raw.txt")
t.http("raw delete again", "DELETE", f"{base}/raw.txt")
HEADERS = ("content-type", "x-content-type-options", "content-length", "accept-ranges")
client.log_text(run, "<script>1</script>", "page.html")


def headers(path, **options):
    """What matters of an answer's headers to a browser; the name to save it under can be written in several ways."""
    response = requests.get(SERVER + path, **options)
    if response.status_code >= 400:
        return [response.status_code, response.json()["error_code"]]
    disposition = response.headers["content-disposition"]
    name = re.search(r"filename\*=UTF-8''([^;]+)", disposition) or re.search(r'filename="?([^";]+)', disposition)
    how = [disposition.split(";")[0], unquote(name[1])]
    return [response.status_code, *how, {name: response.headers.get(name) for name in HEADERS}, len(response.content)]


t("headers of a text", headers, f"{base}/text/l%C3%A4uft.txt")
t("headers of a page", headers, f"{base}/page.html")
t("headers of bytes", headers, f"{base}/deep/er/b.bin")
t("a range", headers, f"{base}/deep/er/b.bin", headers={"range": "bytes=10-19"})
t("get-artifact", headers, f"/get-artifact?run_id={run}&path=deep/er/b.bin")
t("get-artifact of what is not there", headers, f"/get-artifact?run_id={run}&path=nobody")
LIST = "/api/2.0/mlflow/artifacts/list"
t.http("list by run", "GET", LIST, params={"run_id": run, "path": "deep"})
t.http("list by run, nothing there", "GET", LIST, params={"run_id": run, "path": "nobody"})
t.http("list by run, upwards", "GET", LIST, params={"run_id": run, "path": "../.."})
t.http("list by run, absolute", "GET", LIST, params={"run_id": run, "path": "/etc"})
t.http("list without a run", "GET", LIST, params={"path": "deep"})
t.http("list of a run that is not there", "GET", LIST, params={"run_id": "0" * 32})
t.http("list with a token", "GET", LIST, params={"run_id": run, "page_token": "x"})
t.http("what the server can", "GET", "/api/3.0/mlflow/server-info")
t.end()
