"""Prints the outputs of a notebook's cells as JSON, if nbformat takes the file for valid."""

import json
import sys

import nbformat

with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
nbformat.validate(json.loads(text), relax_add_props=False)
print(json.dumps([cell.get("outputs") for cell in nbformat.reads(text, as_version=4).cells]))
