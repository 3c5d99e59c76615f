"""Prompts: registered models that are prompts by their tags; versions, aliases, tags, searches, links; what is refused."""

import threading

import mlflow
from mlflow.entities.model_registry import PromptModelConfig
from mlflow.genai import (
    delete_prompt_alias,
    delete_prompt_model_config,
    delete_prompt_tag,
    delete_prompt_version_tag,
    get_prompt_tags,
    load_prompt,
    register_prompt,
    search_prompts,
    set_prompt_alias,
    set_prompt_model_config,
    set_prompt_tag,
    set_prompt_version_tag,
)
from mlflow.prompt.registry_utils import PromptCache
from transcript import Transcript

t = Transcript()
client = mlflow.MlflowClient()
experiment = mlflow.set_experiment("prompts").experiment_id
t.name("experiment", experiment)


def linked():
    """What the client does in threads of its own is done: it tags prompts with the experiment, and traces with prompts."""
    for thread in threading.enumerate():
        if thread.name.startswith("link_prompt"):
            thread.join()


def whole(prompt):
    """All of a version."""
    return prompt and {
        "name": prompt.name,
        "version": prompt.version,
        "template": prompt.template,
        "text": prompt.is_text_prompt,
        "variables": sorted(prompt.variables),
        "message": prompt.commit_message,
        "description": prompt.description,
        "aliases": sorted(prompt.aliases),
        "tags": prompt.tags,
        "kept": {key: value for key, value in prompt._tags.items() if key != "mlflow.prompt.text"},
        "response": prompt.response_format,
        "model": prompt.model_config,
        "uri": prompt.uri,
        "user": prompt.user_id,
        "created": prompt.creation_timestamp is not None,
    }


def register(*args, **kwargs):
    prompt = register_prompt(*args, **kwargs)
    linked()
    return whole(prompt)


def load(*args, **kwargs):
    """As the server has it: the client keeps what it has loaded."""
    PromptCache.get_instance().clear()
    prompt = load_prompt(*args, **kwargs)
    linked()
    return whole(prompt)


def known(prompt):
    return prompt and {"name": prompt.name, "description": prompt.description, "tags": prompt.tags, "created": prompt.creation_timestamp is not None}


# Texts and chats.
t("register", register, "greet", "Hello {{name}}!")
t("again", register, "greet", "Hi {{ name }}, {{day}}.", commit_message="shorter 日本", tags={"author": "ann", "µ": "√2"})
t("a chat", register, "chat", [{"role": "system", "content": "You are {{who}}."}, {"role": "user", "content": "{{question}} 🚀"}])
t("a shape of the answer", register, "shaped", "Say {{x}}", response_format={"type": "object", "properties": {"a": {"type": "integer"}}})
t("a model's settings", register, "set", "Say {{x}}", model_config={"model_name": "m", "temperature": 0.5, "max_tokens": 9, "stop_sequences": ["a", "b"], "extra_params": {"k": [1, None]}})
t("a model's settings as such", register, "set", "Say {{x}}", model_config=PromptModelConfig(model_name="n", top_p=1.0))
t("a model's settings that are none", register, "set", "Say {{x}}", model_config={"temperature": -1})
t("Jinja", register, "jinja", "{% for x in xs %}{{ x }}{% endfor %}")
TEXTS = {"empty": "", "lines": "a\r\n\tb", "unicode": "Ünï 日本 🚀 e\u0301", "quotes": "'\"`\\\\", "long": "x" * 50_000, "limit": "日" * 100_000, "beyond": "x" * 100_001, "number": 5}
for label, text in TEXTS.items():
    t(f"register {label}", lambda: {**register(f"text-{label}", text), "template": len(text)})
    t(f"is it the same: {label}", lambda: load(f"text-{label}", 1)["template"] == text)
for name in ["a.b-c_d", "a b", "a/b", "a:b", "日本", "", "x" * 255, "x" * 257, "..", "#hash", None]:
    label = repr(name)[:20]
    t(f"the name {label} of {len(str(name))}", lambda: register(name, "t")["name"] == name)
t("a chat that is none", register, "chat", [{"role": "user"}])
t("tags that are too long", register, "tagged", "t", tags={"k": "v" * 100_001})
t("a tag without a key", register, "tagged", "t", tags={"": "v"})

# Loading.
t("load the newest", load, "greet")
t("load a version", load, "greet", version=1)
t("load a version as text", load, "greet", version="1")
t("load by uri", load, "prompts:/greet/2")
t("load the latest", load, "prompts:/greet@latest")
t("load a chat", load, "chat")
t("load a shape", load, "shaped")
t("load settings", load, "set", version=1)
t("fill in", lambda: load_prompt("greet", version=1).format(name="Ünï"))
t("fill in a chat", lambda: load_prompt("chat", version=1).format(who="a bot", question="why?"))
t("fill in too little", lambda: load_prompt("greet", version=2).format(name="x"))
t("fill in a part", lambda: load_prompt("greet", version=2).format(allow_partial=True, name="x").template)
for missing in (("greet", 99), ("nobody", 1), ("nobody",), ("prompts:/greet/99",), ("prompts:/greet@nobody",), ("prompts:/nobody@latest",), ("prompts:/greet/x",), ("prompts:/greet",), ("models:/greet/1",), ("greet", "x"), ("greet", 0), ("greet", -1), ("",)):
    t(f"load {missing}", load, *missing)
    t(f"load {missing} or nothing", lambda: load(*missing, allow_missing=True))

# Aliases.
t("an alias", set_prompt_alias, "greet", "production", 1)
t("load by it", load, "prompts:/greet@production")
t("move it", set_prompt_alias, "greet", "production", 2)
t("load by it again", lambda: load("prompts:/greet@production")["version"])
t("a second alias", set_prompt_alias, "greet", "zeta", 2)
t("its aliases", lambda: load("greet", version=2)["aliases"])
for alias in ("latest", "v1", "", "a/b", "日本", "x" * 256, "1"):
    t(f"the alias {alias[:10]!r} of {len(alias)}", set_prompt_alias, "greet", alias, 1)
t("an alias of a version that is not there", set_prompt_alias, "greet", "none", 99)
t("an alias of a prompt that is not there", set_prompt_alias, "nobody", "none", 1)
t("remove it", delete_prompt_alias, "greet", "production")
t("remove it again", delete_prompt_alias, "greet", "production")
t("load by what is gone", load, "prompts:/greet@production")
t("load by what is gone or nothing", lambda: load("prompts:/greet@production", allow_missing=True))

# Tags.
t("tags of the prompt", get_prompt_tags, "greet")
t("tag the prompt", set_prompt_tag, "greet", "team", "risk 日本")
t("tag it again", set_prompt_tag, "greet", "team", "fraud")
t("tag it with nothing", set_prompt_tag, "greet", "empty", "")
t("its tags", get_prompt_tags, "greet")
t("untag it", delete_prompt_tag, "greet", "team")
t("untag it again", delete_prompt_tag, "greet", "team")
t("its tags then", get_prompt_tags, "greet")
t("tag what is not there", set_prompt_tag, "nobody", "a", "b")
t("untag what is not there", delete_prompt_tag, "nobody", "a")
t("tags of what is not there", get_prompt_tags, "nobody")
t("tag a version", set_prompt_version_tag, "greet", 1, "good", "yes")
t("tag a version by its number as text", set_prompt_version_tag, "greet", "1", "as text", "yes")
t("tag a version that is not there", set_prompt_version_tag, "greet", 99, "a", "b")
t("a version with its tags", lambda: load("greet", version=1)["tags"])
t("untag a version", delete_prompt_version_tag, "greet", 1, "good")
t("untag a version again", delete_prompt_version_tag, "greet", 1, "good")
t("a version without", lambda: load("greet", version=1)["tags"])
t("settings later", set_prompt_model_config, "greet", 1, {"model_name": "later", "temperature": 0.1})
t("with settings", lambda: load("greet", version=1)["model"])
t("no settings", delete_prompt_model_config, "greet", 1)
t("without settings", lambda: load("greet", version=1)["model"])
t("settings of what is not there", set_prompt_model_config, "greet", 99, {"model_name": "x"})

# The prompt itself.
t("get", lambda: known(client.get_prompt("greet")))
t("get what is not there", client.get_prompt, "nobody")
t("get a version", lambda: whole(client.get_prompt_version("greet", 2)))
t("get a version that is not there", client.get_prompt_version, "greet", 99)
t("create without versions", lambda: known(client.create_prompt("bare", "no version yet", {"a": "b"})))
t("get it", lambda: known(client.get_prompt("bare")))
t("load it", load, "bare")
t("load it or nothing", lambda: load("bare", allow_missing=True))
t("create it again", client.create_prompt, "bare")
t("its first version", lambda: whole(client.create_prompt_version("bare", "first {{x}}", "m", {"k": "v"})))
t("a version of what is not there", client.create_prompt_version, "nobody", "t")

# Models are no prompts, and prompts no models.
client.create_registered_model("model")
t("load a model", load, "model")
t("register a prompt of a model's name", register, "model", "t")
t("a model of a prompt's name", client.create_registered_model, "greet")
t("get a model", client.get_prompt, "model")
t("get a prompt as a model", client.get_registered_model, "greet")
t("get a version as one of a model", client.get_model_version, "greet", "1")
t("models", lambda: [model.name for model in client.search_registered_models()])
t("versions of models", lambda: [version.name for version in client.search_model_versions()])
t("versions of a prompt as those of a model", lambda: [version.name for version in client.search_model_versions("name = 'greet'")])
t("delete a prompt as a model", client.delete_registered_model, "greet")
t("rename a prompt as a model", client.rename_registered_model, "greet", "renamed")
t("delete a version as one of a model", client.delete_model_version, "greet", "1")
t("a stage of a prompt", client.transition_model_version_stage, "greet", "1", "Production")
t("a version of a prompt with files", client.create_model_version, "bare", "mlflow-artifacts:/0/x/artifacts/model")
t("a version of a model without files", client.create_model_version, "model", "dummy-source")

# Searches.
def names(*args, **kwargs):
    return [prompt.name for prompt in search_prompts(*args, **kwargs)]


t("all", names)
t("all of it", lambda: [known(prompt) for prompt in search_prompts("name = 'greet'")])
FILTERS = ["name = 'greet'", "name LIKE 'gr%'", "name ILIKE 'GR%'", "name != 'greet'", "name IN ('greet', 'chat')", "tags.author = 'ann'", "tags.empty = ''", "name = 'nobody'", f"experiment_id = '{experiment}'", 'experiment_id = "999"', f"experiment_id = '{experiment}' AND name = 'greet'", "nobody = 'x'", "name > 'x'", "tags.`_mlflow_experiment_ids` LIKE '%,x,%'"]
for text in FILTERS:
    t(t.text(f"search {text}"), names, text)
for order in (["name DESC"], ["name ASC"], ["timestamp"], ["nobody"]):
    t(f"order by {order}", names, "name LIKE 'text-%'", order_by=order)
t("a page of two", lambda: client.search_prompts(max_results=2))
t("the next page", lambda: [prompt.name for prompt in client.search_prompts(max_results=2, page_token=client.search_prompts(max_results=2).token)])
t("a token of nobody", lambda: client.search_prompts(page_token="nobody"))
t("versions", lambda: [[version.version, version.template] for version in client.search_prompt_versions("greet")])
t("versions of what is not there", client.search_prompt_versions, "nobody")
t("versions of a model", client.search_prompt_versions, "model")

# Runs, models and traces.
with mlflow.start_run(run_name="prompted") as run:
    t.name("run", run.info.run_id)
    t("load in a run", lambda: whole(load_prompt("greet", version=1))["name"])
    linked()
t("link to a run", client.link_prompt_version_to_run, run.info.run_id, "prompts:/greet/2")
t("link to a run again", client.link_prompt_version_to_run, run.info.run_id, "prompts:/greet/2")
t("prompts of the run", lambda: sorted(f"{prompt.name}/{prompt.version}" for prompt in client.list_logged_prompts(run.info.run_id)))
t("the run's tags", lambda: client.get_run(run.info.run_id).data.tags)
t("detach from the run", client.detach_prompt_from_run, run.info.run_id, "prompts:/greet/2")
t("detach again", client.detach_prompt_from_run, run.info.run_id, "prompts:/greet/2")
t("link to a run that is not there", client.link_prompt_version_to_run, "0" * 32, "prompts:/greet/2")
t("link what is not there", client.link_prompt_version_to_run, run.info.run_id, "prompts:/greet/99")
model = mlflow.create_external_model(name="app", source_run_id=run.info.run_id)
t.name("model", model.model_id)
t("link to a model", client.link_prompt_version_to_model, "greet", "2", model.model_id)
t("the model's tags", lambda: client.get_logged_model(model.model_id).tags)
t("link to a model that is not there", client.link_prompt_version_to_model, "greet", "2", "m-nobody")
with mlflow.start_span("asks") as span:
    load_prompt("greet", version=1)
    linked()
mlflow.flush_trace_async_logging()
t("the trace that loaded it", lambda: client.get_trace(span.trace_id).info.tags.get("mlflow.linkedPrompts"))
t("traces of the prompt", lambda: [trace.info.trace_id == span.trace_id for trace in client.search_traces([experiment], filter_string="prompt = 'greet/1'")])

# Deletions.
t("delete a version", client.delete_prompt_version, "set", "1")
t("load what is deleted", load, "set", version=1)
t("delete it again", client.delete_prompt_version, "set", "1")
t("delete", client.delete_prompt, "chat")
t("load what is deleted wholly", load, "chat")
t("delete what is not there", client.delete_prompt, "nobody")
t("delete a model as a prompt", client.delete_prompt, "model")
t("register it anew", register, "chat", "{{anew}}")
t("what is left", names)
t("a text with NUL", register, "nul", "a\0b")
t("load it with NUL", lambda: load("nul")["template"] == "a\0b")
t.end()
