"""Embeds the texts of a JSON file by the `ollama` package, in one request: host, model and file are the arguments."""

import importlib.metadata
import json
import sys

import ollama

host, model, path = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    texts = json.load(file)
answer = ollama.Client(host=host).embed(model=model, input=texts)
rows = [list(row) for row in answer.embeddings]
json.dump({"version": importlib.metadata.version("ollama"), "rows": rows}, sys.stdout)
