"""A server as people write it today: FastAPI and PyTorch, a request at a time through the model, text by server-sent events.

    python bench/serving_torch.py RUN [THREADS]

Reads an LSTM of `anaphora train` (PyTorch's names and gate order) with a character tokenizer.
"""

import asyncio
import json
import socket
import sys
from pathlib import Path

import torch
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from safetensors.torch import load_file

run, threads = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
if threads:
    torch.set_num_threads(threads)
weights = load_file(run / "model.safetensors")
characters = json.loads((run / "tokenizer.json").read_text())["tokens"]
hidden = weights["rnn.weight_hh_l0"].shape[1]
layers = sum(name.startswith("rnn.weight_hh_l") for name in weights)
width = weights["rnn.weight_ih_l0"].shape[1]
rnn = torch.nn.LSTM(width, hidden, layers)
rnn.load_state_dict({name[4:]: value for name, value in weights.items() if name.startswith("rnn.")})
table = weights.get("embedding.weight")
table = torch.eye(len(characters), width) if table is None else table
head, bias = weights["head.weight"], weights["head.bias"]
ids = {character: number for number, character in enumerate(characters)}
app = FastAPI()


@app.post("/v1/completions")
async def completions(request: Request):
    asked = await request.json()
    generator = torch.Generator().manual_seed(asked.get("seed", 0))
    ends = {int(token): value for token, value in asked.get("logit_bias", {}).items()}

    @torch.no_grad()
    def read(tokens, state):
        out, state = rnn(table[tokens].unsqueeze(1), state)
        return torch.nn.functional.linear(out[-1, 0], head, bias), state

    async def events():
        logits, state = read(torch.tensor([0] + [ids[c] for c in asked["prompt"]]), None)
        for _ in range(asked["max_tokens"]):
            for token, value in ends.items():
                logits[token] += value
            token = int(torch.multinomial(torch.softmax(logits, 0), 1, generator=generator))
            if token == 0:
                break
            yield f"data: {json.dumps({'choices': [{'text': characters[token]}]})}\n\n"
            logits, state = read(torch.tensor([token]), state)
            # Others are answered in between.
            await asyncio.sleep(0)
        yield f"data: {json.dumps({'choices': [], 'usage': {'completion_tokens': asked['max_tokens']}})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
print(f"http://127.0.0.1:{port}", file=sys.stderr, flush=True)
uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")
