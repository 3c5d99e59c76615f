"""Executes a notebook from its first cell to its last in a clean namespace: ``python -m gyre.notebook IN OUT``.

With nbclient and ipykernel in the environment a kernel executes it: magics, rich outputs. Without them the standard
library does, one cell after the other, and refuses what only IPython understands before anything has run.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.util
import io
import json
import linecache
import os
import re
import sys
import traceback
import types
import uuid
from typing import Any, Callable, Dict, Iterator, List, Optional, TextIO

Cell = Dict[str, Any]
Notebook = Dict[str, Any]

PARAMETERS = "parameters"
INJECTED = "injected-parameters"
#: What this module remembers of a cell; removed before the copy is written.
NUMBER = "gyre_number"


class NotebookError(Exception):
    """A notebook that cannot be executed, or a cell that failed: one line for whoever reads the log."""


def read(path: str) -> Notebook:
    """A notebook of format 4. Raises NotebookError naming the file and what is wrong with it."""
    try:
        with open(path, encoding="utf-8") as file:
            notebook = json.load(file)
    except OSError as error:
        raise NotebookError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise NotebookError(f"{path} is no notebook: {error}") from error
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise NotebookError(f"{path}: expected a notebook of format 4 (nbformat: 4)")
    if not isinstance(notebook.get("cells"), list):
        raise NotebookError(f"{path}: expected a list of cells")
    metadata = notebook.get("metadata", {})
    language = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    if language not in (None, "python"):
        raise NotebookError(f"{path}: expected a notebook in Python, this one is in {language}")
    return notebook


def source_of(cell: Cell) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def name_of(cell: Cell) -> str:
    """How messages call a cell: by its place among all cells of the notebook as it was given, from 1."""
    number = cell["metadata"].get(NUMBER)
    return "the cell of the parameters" if number is None else f"cell {number}"


def prepare(notebook: Notebook, params: Dict[str, Any]) -> None:
    """Forgets what was executed when, and puts the parameters after the cell tagged ``parameters``, or first."""
    for number, cell in enumerate(notebook["cells"], 1):
        cell.setdefault("metadata", {})[NUMBER] = number
    cells = [cell for cell in notebook["cells"] if INJECTED not in tags_of(cell)]
    for cell in cells:
        if cell.get("cell_type") == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    if params:
        tagged = [at for at, cell in enumerate(cells) if PARAMETERS in tags_of(cell)]
        lines = ["# Parameters of this execution"] + [f"{name} = {value!r}" for name, value in params.items()]
        injected: Cell = {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {"tags": [INJECTED]},
            "outputs": [],
            "source": "\n".join(lines),
        }
        # From 4.5 on every cell has an id.
        if notebook.get("nbformat_minor", 0) >= 5:
            injected["id"] = uuid.uuid5(uuid.NAMESPACE_OID, INJECTED).hex[:8]
        cells.insert(tagged[0] + 1 if tagged else 0, injected)
    notebook["cells"] = cells


def tags_of(cell: Cell) -> List[str]:
    return cell.get("metadata", {}).get("tags", [])


def write(notebook: Notebook, path: str) -> None:
    cells = []
    for cell in notebook["cells"]:
        metadata = {key: value for key, value in cell["metadata"].items() if key != NUMBER}
        cells.append({**cell, "metadata": metadata})
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**notebook, "cells": cells}, file, indent=1, ensure_ascii=False)
        file.write("\n")


# --- with a kernel ---------------------------------------------------------------------------------------------------


def has_kernel() -> bool:
    return all(importlib.util.find_spec(name) for name in ("nbclient", "nbformat", "ipykernel"))


def execute_in_kernel(notebook: Notebook, path: str) -> Notebook:
    """Executes it by nbclient in a kernel of this very interpreter. The executed copy is in the error too."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    class Client(NotebookClient):
        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            if msg["msg_type"] == "stream":
                stream = sys.stderr if msg["content"]["name"] == "stderr" else sys.stdout
                stream.write(msg["content"]["text"])
                stream.flush()
            return super().process_message(msg, cell, cell_index)

    node = nbformat.reads(json.dumps(notebook), as_version=4)
    # Sockets of files: nobody else on the machine can speak to it.
    manager = AsyncKernelManager(transport="ipc")
    # The kernel that is registered as python3 may be another interpreter's.
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=argv, display_name="Python 3", language="python")
    # When each cell ran would make every copy another one.
    settings = {"timeout": None, "record_timing": False, "resources": {"metadata": {"path": os.getcwd()}}}
    client = Client(node, km=manager, **settings)
    try:
        # The manager is ours, so that it would be left running.
        client.execute(cleanup_kc=True)
    except CellExecutionError as error:
        failed = next(
            cell
            for cell in node["cells"]
            if any(output["output_type"] == "error" for output in cell.get("outputs", []))
        )
        place = f"{path}: {name_of(failed)}{kernel_line_of(failed)}"
        if error.ename == "SystemExit":
            if ended_well(node, failed, error.evalue):
                return node
            raise Failed(node, f"{place}: {exit_text(node, failed, error.evalue)}") from None
        raise Failed(node, f"{place}: {error.ename}: {error.evalue}") from None
    except DeadKernelError:
        started = [cell for cell in node["cells"] if cell.get("execution_count")]
        if not started:
            raise Failed(node, f"{path}: the kernel died in or after its start") from None
        last = started[-1]
        raise Failed(node, f"{path}: the kernel died in or after {name_of(last)}{unrun(node, last)}") from None
    return node


def kernel_line_of(cell: Cell) -> str:
    """`, line 3` of a cell that failed in a kernel, where its traceback says so."""
    count = cell.get("execution_count")
    for output in cell.get("outputs", []):
        for frame in output.get("traceback", []):
            plain = re.sub(r"\x1b\[[0-9;]*m", "", frame)
            found = re.search(rf"(?:Cell In|Input In) ?\[{count}\], line (\d+)", plain)
            if found:
                return f", line {found.group(1)}"
    return ""


class Failed(NotebookError):
    """A cell failed; the copy holds its outputs up to there."""

    def __init__(self, notebook: Notebook, message: str) -> None:
        super().__init__(message)
        self.notebook = notebook


# --- an exit ---------------------------------------------------------------------------------------------------------


def following(notebook: Notebook, cell: Cell) -> List[Cell]:
    """The cells behind one that have something to execute."""
    cells = notebook["cells"]
    at = next(at for at, each in enumerate(cells) if each is cell)
    return [each for each in cells[at + 1 :] if each.get("cell_type") == "code" and source_of(each).strip()]


def unrun(notebook: Notebook, cell: Cell) -> str:
    """`; cells 4..7 never ran`, or nothing behind the last one."""
    names = [name_of(each) for each in following(notebook, cell)]
    if not names:
        return ""
    if len(names) == 1:
        return f"; {names[0]} never ran"
    return f"; cells {names[0].replace('cell ', '')}..{names[-1].replace('cell ', '')} never ran"


def ended_well(notebook: Notebook, cell: Cell, code: Any) -> bool:
    """An exit by code 0 in the last cell leaves nothing out. A kernel tells codes as text."""
    return code in (None, 0, "", "0", "None") and not following(notebook, cell)


def exit_text(notebook: Notebook, cell: Cell, code: Any) -> str:
    return f"exit({'' if code in (None, 'None') else code}){unrun(notebook, cell)}"


# --- with the standard library ---------------------------------------------------------------------------------------


class Tee(io.TextIOBase):
    """Writes to the log and into the outputs of the cell."""

    def __init__(self, name: str, log: TextIO, outputs: List[Dict[str, Any]]) -> None:
        self._name = name
        self._log = log
        self._outputs = outputs

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._log.write(text)
        last = self._outputs[-1] if self._outputs else {}
        if last.get("output_type") == "stream" and last.get("name") == self._name:
            last["text"] += text
        elif text:
            self._outputs.append({"output_type": "stream", "name": self._name, "text": text})
        return len(text)

    def flush(self) -> None:
        self._log.flush()

    def fileno(self) -> int:
        return self._log.fileno()


def assert_plain(cells: List[Cell], path: str) -> None:
    """Raises NotebookError for a line that only IPython understands, by its cell and line."""
    for cell in cells:
        source = source_of(cell)
        try:
            compile(source, path, "exec")
            continue
        except SyntaxError as error:
            line = error.lineno
        with contextlib.suppress(SyntaxError):
            compile(source, path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            raise NotebookError(
                f"{path}: {name_of(cell)}, line {line}: await outside of a function needs a kernel;"
                " install nbclient and ipykernel in this environment, or write asyncio.run(…)"
            )
        for number, line in enumerate(source.splitlines(), 1):
            if re.match(r"\s*(%|!|\?)|.*\w\?{1,2}\s*$", line):
                raise NotebookError(
                    f"{path}: {name_of(cell)}, line {number}: {line.strip()!r} is IPython's, not Python's;"
                    " install nbclient and ipykernel in this environment, or leave the line out"
                )


def bundle_of(value: Any) -> Dict[str, str]:
    """What a value looks like, by media type."""
    data = {"text/plain": repr(value)}
    html = getattr(value, "_repr_html_", None)
    if callable(html) and not isinstance(value, type):
        with contextlib.suppress(Exception):
            text = html()
            if isinstance(text, str):
                data["text/html"] = text
    return data


@contextlib.contextmanager
def captured(outputs: List[Dict[str, Any]]) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Tee("stdout", before[0], outputs), Tee("stderr", before[1], outputs)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def run_cell(source: str, name: str, namespace: Dict[str, Any]) -> Optional[Any]:
    """Executes the source; gives the value of an expression that it ends with."""
    tree = ast.parse(source, name)
    last: Optional[ast.Expression] = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    exec(compile(tree, name, "exec"), namespace)
    return None if last is None else eval(compile(last, name, "eval"), namespace)


def execute_plainly(notebook: Notebook, path: str, keep: Callable[[Notebook], None]) -> Notebook:
    cells = [cell for cell in notebook["cells"] if cell.get("cell_type") == "code"]
    assert_plain(cells, path)
    # Classes of the notebook belong to __main__, as they do in a kernel: pickle asks for them there.
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.path.insert(0, os.getcwd())
    sys.argv = [path]
    outputs: List[Dict[str, Any]] = []

    def display(*values: Any, **_: Any) -> None:
        for value in values:
            outputs.append({"output_type": "display_data", "data": bundle_of(value), "metadata": {}})

    module.__dict__["display"] = display
    count = 0
    for cell in cells:
        source = source_of(cell)
        if not source.strip():
            continue
        count += 1
        name = f"<{name_of(cell)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        outputs = cell["outputs"] = []
        cell["execution_count"] = count
        try:
            with captured(outputs):
                value = run_cell(source, name, module.__dict__)
                if value is not None:
                    data = bundle_of(value)
                    print(data["text/plain"], file=sys.__stdout__, flush=True)
                    outputs.append(
                        {"output_type": "execute_result", "execution_count": count, "data": data, "metadata": {}}
                    )
                    module.__dict__["_"] = value
        except BaseException as error:
            if isinstance(error, SystemExit) and ended_well(notebook, cell, error.code):
                return notebook
            outputs.append(error_output(error))
            message = f"{type(error).__name__}: {error}"
            if isinstance(error, SystemExit):
                message = exit_text(notebook, cell, error.code)
            raise Failed(notebook, f"{path}: {name_of(cell)}{line_of(error, name)}: {message}") from None
        finally:
            sys.stdout.flush()
            keep(notebook)
    return notebook


def error_output(error: BaseException) -> Dict[str, Any]:
    # The first frames are this module's own.
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    text = "".join(lines)
    sys.stderr.write(text)
    return {
        "output_type": "error",
        "ename": type(error).__name__,
        "evalue": str(error),
        "traceback": text.splitlines(),
    }


def line_of(error: BaseException, name: str) -> str:
    """`, line 3` of the cell that failed, where the error says so."""
    if isinstance(error, SyntaxError) and error.filename == name:
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    return f", line {lines[0]}" if lines else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m gyre.notebook", description=__doc__)
    parser.add_argument("notebook")
    parser.add_argument("copy", help="where the executed copy is written")
    parser.add_argument("--params", help="a JSON file of what the cell tagged `parameters` is overridden by")
    parser.add_argument("--name", help="how messages call the notebook")
    asked = parser.parse_args()
    name = asked.name or asked.notebook
    try:
        notebook = read(asked.notebook)
        params: Dict[str, Any] = {}
        if asked.params:
            with open(asked.params, encoding="utf-8") as file:
                params = json.load(file)
        prepare(notebook, params)
        if has_kernel():
            notebook = execute_in_kernel(notebook, name)
        else:
            notebook = execute_plainly(notebook, name, lambda so_far: write(so_far, asked.copy))
        write(notebook, asked.copy)
        return 0
    except Failed as failed:
        write(failed.notebook, asked.copy)
        print(failed, file=sys.stderr)
    except NotebookError as error:
        print(error, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
