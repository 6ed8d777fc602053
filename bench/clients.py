"""Asks a server with the clients that people use, and says what does not hold.

    python bench/clients.py --binary target/release/anaphora [--only openai,node,lm-eval,schemathesis]

A tiny model of built-in tunes and a classifier are trained into an empty folder and served. The `openai` package for Python lists,
completes, streams, chats, embeds and gets its typed errors; its package for Node.js does the same where npm is there;
`lm-eval` scores a text by `local-completions`, which must be the loss that `anaphora evaluate` finds; `schemathesis` looks for answers
outside `/openapi.json`.
"""

import argparse
import importlib.metadata
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TUNE = "X:1\nT:A\nM:4/4\nL:1/8\nK:D\nD2FA dAFD|\n"
KEY = "a-key-of-sixteen-letters"


class Report:
    wrong = 0

    def check(self, what, ok, found=""):
        self.wrong += not ok
        print(f"{'ok   ' if ok else 'WRONG'} {what} {'' if ok else found}", flush=True)


def run(binary, *words, cwd):
    done = subprocess.run([binary, *words], capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


class Serving:
    """A server in a folder, at a port of its own."""

    def __init__(self, binary, folder, *words):
        call = [binary, "serve", "--port", "0", *words]
        self.process = subprocess.Popen(call, cwd=folder, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "http://" in line:
                self.url = "http://" + line.strip().rsplit("http://", 1)[1]
                return
        sys.exit("the server ended before it listened")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def with_openai(url, report):
    import openai

    print(f"openai {openai.__version__} for Python")
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    ids = [model.id for model in client.models.list()]
    report.check("lists models", ids == ["names", "tunes"], ids)
    report.check("gets a model", client.models.retrieve("tunes").owned_by == "anaphora")
    asked = dict(model="tunes", prompt="X:1\n", max_tokens=40, seed=7, temperature=0.8, logit_bias={"0": -100})
    whole = client.completions.create(**asked)
    report.check("completes", len(whole.choices[0].text) > 5 and whole.usage.completion_tokens == 40)
    parts = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    streamed = "".join(part.choices[0].text for part in parts if part.choices)
    report.check("streams the same", streamed == whole.choices[0].text, streamed)
    report.check("tells usage last", parts[-1].usage.completion_tokens == whole.usage.completion_tokens)
    scored = client.completions.create(model="tunes", prompt="X:1\n", max_tokens=2, echo=True, logprobs=3).choices[0].logprobs
    report.check("scores prompts", scored.token_logprobs[0] is None and len(scored.tokens) == 6 and len(scored.top_logprobs[1]) == 3)
    messages = [{"role": "system", "content": "X:1"}, {"role": "user", "content": "T:"}]
    chat = client.chat.completions.create(model="tunes", messages=messages, max_completion_tokens=8, logprobs=True, top_logprobs=2, seed=1)
    report.check("chats", chat.choices[0].message.role == "assistant" and len(chat.choices[0].logprobs.content[0].top_logprobs) == 2)
    chunks = client.chat.completions.create(model="tunes", messages=messages, max_completion_tokens=8, stream=True, seed=1)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    report.check("streams chats", text == chat.choices[0].message.content, text)
    both = [client.embeddings.create(model="tunes", input=["X:1", "K:D"], encoding_format=form).data for form in ("float", "base64")]
    near = all(abs(a - b) < 1e-6 for a, b in zip(both[0][1].embedding, decode(both[1][1].embedding)))
    report.check("embeds", near and len(both[0]) == 2)
    for what, kind, call in [
        ("an unknown model", openai.NotFoundError, lambda: client.completions.create(model="none", prompt="")),
        ("a wrong field", openai.BadRequestError, lambda: client.completions.create(model="tunes", prompt="", temperature=3)),
        ("a wrong key", openai.AuthenticationError, lambda: openai.OpenAI(base_url=f"{url}/v1", api_key="x").models.list()),
    ]:
        try:
            call()
            report.check(f"is refused {what}", False, "answered")
        except openai.APIStatusError as error:
            report.check(f"is refused {what}", isinstance(error, kind) and bool(error.body["message"]), error)


def decode(embedding):
    import base64
    import struct

    if not isinstance(embedding, str):
        return embedding
    data = base64.b64decode(embedding)
    return struct.unpack(f"<{len(data) // 4}f", data)


NODE = """
import OpenAI from 'openai';
const client = new OpenAI({ baseURL: process.argv[2] + '/v1', apiKey: process.argv[3], maxRetries: 0 });
const out = {};
out.models = [];
for await (const model of client.models.list()) out.models.push(model.id);
const asked = { model: 'tunes', prompt: 'X:1\\n', max_tokens: 40, seed: 7 };
out.whole = (await client.completions.create(asked)).choices[0].text;
out.streamed = '';
for await (const part of await client.completions.create({ ...asked, stream: true })) out.streamed += part.choices[0].text;
const messages = [{ role: 'user', content: 'X:1' }];
out.chat = (await client.chat.completions.create({ model: 'tunes', messages, max_completion_tokens: 5 })).choices[0].message.role;
out.embedding = (await client.embeddings.create({ model: 'tunes', input: 'X:1' })).data[0].embedding.length;
try { await client.completions.create({ model: 'none', prompt: '' }); } catch (error) { out.error = error.constructor.name; }
console.log(JSON.stringify(out));
"""


def with_node(url, report):
    if not shutil.which("npm"):
        return print("npm is not there: the client for Node.js is passed over")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "install", "--silent", "openai"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        version = json.loads((Path(folder) / "node_modules/openai/package.json").read_text())["version"]
        print(f"openai {version} for Node.js")
        (Path(folder) / "ask.mjs").write_text(NODE)
        done = subprocess.run(["node", "ask.mjs", url, KEY], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        return report.check("the client for Node.js", False, done.stderr)
    found = json.loads(done.stdout)
    report.check("lists models", found["models"] == ["names", "tunes"], found)
    report.check("streams what it completes", found["whole"] == found["streamed"] != "", found)
    report.check("chats and embeds", found["chat"] == "assistant" and found["embedding"] > 8, found)
    report.check("gets typed errors", found["error"] == "NotFoundError", found)


def with_lm_eval(url, folder, binary, report):
    print(f"lm-eval {importlib.metadata.version('lm_eval')}")
    task = Path(folder) / "tasks"
    task.mkdir()
    (task / "tunes.jsonl").write_text(json.dumps({"text": TUNE}) + "\n")
    (task / "tunes.yaml").write_text(
        f"task: tunes\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {task / 'tunes.jsonl'}\n"
        "output_type: loglikelihood_rolling\ntest_split: test\ndoc_to_text: ''\ndoc_to_target: '{{text}}'\n"
        "metric_list:\n  - metric: bits_per_byte\n"
    )
    arguments = f"base_url={url}/v1/completions,model=tunes,tokenizer_backend=remote,max_length=2048,tokenized_requests=True,num_concurrent=1,auth_token={KEY}"
    words = ["-m", "lm_eval", "--model", "local-completions", "--model_args", arguments, "--tasks", "tunes", "--include_path", str(task)]
    words += ["--output_path", str(task / "out"), "--batch_size", "1"]
    environment = {**os.environ, "OPENAI_API_KEY": KEY, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)
    results = list((task / "out").rglob("results*.json"))
    if not results:
        return report.check("lm-eval", False, done.stderr[-1500:])
    bits = json.loads(results[0].read_text())["results"]["tunes"]["bits_per_byte,none"]
    nats = bits * math.log(2) * len(TUNE)
    # What evaluate reads has the end of the tune too, which lm-eval's text has not: it is asked for by itself.
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY)
    ended = client.completions.create(model="tunes", prompt=TUNE, max_tokens=1, logprobs=0, temperature=0, logit_bias={"0": 100})
    nats -= ended.choices[0].logprobs.token_logprobs[0]
    (Path(folder) / "one.abc").write_text(TUNE)
    known = json.loads(run(binary, "evaluate", "runs/tunes", "--data", "one.abc", "--json", cwd=folder))
    ours, theirs = known["loss"], nats / (len(TUNE) + 1)
    print(f"      perplexity a token: {math.exp(theirs):.5f} by lm-eval, {math.exp(ours):.5f} by evaluate")
    report.check("the same perplexity", abs(math.exp(ours - theirs) - 1) < 1e-3, known)


HOOKS = """
import schemathesis

@schemathesis.hook
def map_body(context, body):
    # Most requests name a model that there is, and want few tokens, so that they are answered and not refused at once.
    if isinstance(body, dict) and hash(str(body)) % 8:
        # What is wrong on purpose stays wrong.
        if isinstance(body.get('model'), str):
            body['model'] = 'tunes' if 'inputs' not in body else 'names'
        for name in ('max_tokens', 'max_completion_tokens'):
            if isinstance(body.get(name), int) and 20 < body[name] <= 1048576:
                body[name] = body[name] % 20
        if isinstance(body.get('prompt'), str):
            body['prompt'] = 'X:1'
        if isinstance(body.get('input'), str):
            body['input'] = 'X:1'
    return body

@schemathesis.hook
def map_path_parameters(context, path_parameters):
    # The runs that are there are needed to the end.
    deletes = context.operation is not None and context.operation.method.upper() == 'DELETE'
    if path_parameters and 'id' in path_parameters and (deletes or hash(str(path_parameters)) % 4):
        path_parameters['id'] = 'gone' if deletes else 'tunes'
    return path_parameters
"""


def with_schemathesis(url, report, examples):
    print(f"schemathesis {importlib.metadata.version('schemathesis')}")
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {KEY}"]
    # A prompt of symbols that the model does not know is refused with 400, which no schema can say of a text.
    command += ["--checks", "all", "--exclude-checks", "positive_data_acceptance", "--max-examples", str(examples), "--seed", "1"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "hooks.py").write_text(HOOKS)
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": folder, "PYTHONHASHSEED": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    report.check("no answer outside the description", done.returncode == 0, done.stdout[-6000:])
    print("\n".join(line for line in done.stdout.splitlines()[-15:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=lambda path: str(Path(path).resolve()), required=True)
    parser.add_argument("--only", default="openai,node,lm-eval,schemathesis")
    parser.add_argument("--examples", type=int, default=50, help="examples that schemathesis tries for each endpoint")
    args = parser.parse_args()
    report, only = Report(), args.only.split(",")
    with tempfile.TemporaryDirectory() as folder:
        run(args.binary, "train", "--builtin", "tunes", "--steps", "30", "--hidden", "64", "--out", "runs/tunes", cwd=folder)
        run(args.binary, "train", "--builtin", "names", "--steps", "5", "--hidden", "16", "--out", "runs/names", cwd=folder)
        key = Path(folder) / "key.txt"
        key.write_text(KEY + "\n")
        key.chmod(0o600)
        with Serving(args.binary, folder, "--api-key-file", "key.txt") as server:
            if "openai" in only:
                with_openai(server.url, report)
            if "node" in only:
                with_node(server.url, report)
            if "lm-eval" in only:
                with_lm_eval(server.url, folder, args.binary, report)
            if "schemathesis" in only:
                with_schemathesis(server.url, report, args.examples)
    sys.exit(1 if report.wrong else 0)


if __name__ == "__main__":
    main()
