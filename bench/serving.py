"""Many streams at once: what they get, how fast, and in how much memory; beside a server as people write it today.

    python bench/serving.py --binary target/release/anaphora --runs DIR --model NAME [--streams 32] [--tokens 200] [--peer]
    python bench/serving.py --binary target/release/anaphora --runs DIR --model NAME --streams 200 --seconds 600

Each stream asks for a text by a seed of its own and reads it as server-sent events; when one has ended the next begins. With
`--check` every text is compared with what the same request gives alone. Told are tokens a second, the median and the 99th
percentile of the time to the first token and from token to token, what was lost or wrong, and the server's memory (resident set at
the begin and the end). With `--peer` the same is asked of `serving_torch.py`, FastAPI with PyTorch on the same weights, by turns.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlparse


def resident(process):
    """Mebibytes."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


async def stream(url, body):
    """The text of a stream, and when its parts came."""
    parsed = urlparse(url)
    reader, writer = await asyncio.open_connection(parsed.hostname, parsed.port)
    data = json.dumps(body).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    begun = time.perf_counter()
    writer.write(head.encode() + data)
    text, times, done = [], [begun], False
    while line := await reader.readline():
        if not line.startswith(b"data: "):
            continue
        if line.startswith(b"data: [DONE]"):
            done = True
            break
        part = json.loads(line[6:])
        if "error" in part:
            raise RuntimeError(part["error"]["message"])
        if part["choices"] and part["choices"][0]["text"]:
            times.append(time.perf_counter())
            text.append(part["choices"][0]["text"])
    writer.close()
    if not done:
        raise RuntimeError("the stream ended without its last line")
    return "".join(text), times


def request(args, seed):
    # The end of a piece never comes, so that all texts have the same length.
    bias = {"logit_bias": {str(args.end): -100}} if args.end is not None else {}
    return {"model": args.model, "prompt": args.prompt, "max_tokens": args.tokens, "seed": seed, "stream": True, **bias}


async def load(url, args, streams, seconds):
    """What all streams got."""
    first, between, texts, lost = [], [], {}, []
    tokens, next_seed, end = 0, 0, time.perf_counter() + seconds

    async def one():
        nonlocal tokens, next_seed
        while time.perf_counter() < end:
            seed = next_seed % args.seeds
            next_seed += 1
            try:
                text, times = await stream(url, request(args, seed))
            except Exception as error:
                lost.append(f"{seed}: {error}")
                continue
            first.append(times[1] - times[0])
            between.extend(b - a for a, b in zip(times[1:], times[2:]))
            tokens += len(times) - 1
            if texts.setdefault(seed, text) != text:
                lost.append(f"{seed}: another text than before")

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(streams)))
    return {"rate": tokens / (time.perf_counter() - begun), "first": first, "between": between, "texts": texts, "lost": lost}


def told(name, found, memory):
    quantile = lambda values, q: 1000 * statistics.quantiles(values, n=1000)[q - 1] if len(values) > 1 else 0
    rows = [quantile(found[what], q) for what in ("first", "between") for q in (500, 990)]
    begin, end = memory
    print(
        f"{name:<34}{found['rate']:>10.0f} tokens/s   first {rows[0]:.1f} / {rows[1]:.1f} ms   "
        f"next {rows[2]:.2f} / {rows[3]:.2f} ms   lost {len(found['lost'])}   {begin:.0f} -> {end:.0f} MiB",
        flush=True,
    )
    for reason in found["lost"][:3]:
        print(f"    {reason}")


class Serving:
    def __init__(self, call, name):
        self.name = name
        self.process = subprocess.Popen(call, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "http://" in line:
                self.url = "http://" + line.split("http://", 1)[1].split()[0]
                return
        sys.exit(f"{name} ended before it listened")

    def measure(self, args, streams, seconds):
        begin = resident(self.process.pid)
        found = asyncio.run(load(self.url, args, streams, seconds))
        told(f"{self.name}, {streams} streams", found, (begin, resident(self.process.pid)))
        return found

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--runs", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompt", default="X:1\n")
    parser.add_argument("--end", type=int, default=0, help="the token that ends a piece; it is kept from coming")
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--peer", action="store_true")
    args = parser.parse_args()
    servers = [Serving([args.binary, "serve", args.runs, "--port", "0", "--threads", str(args.threads)], "anaphora")]
    if args.peer:
        torch = Path(__file__).with_name("serving_torch.py")
        servers.append(Serving([sys.executable, str(torch), f"{args.runs}/{args.model}", str(args.threads)], "FastAPI + torch"))
    wrong = 0
    try:
        for server in servers:
            # The model is read before anything is measured.
            asyncio.run(load(server.url, args, 1, 0.01))
        for _ in range(args.rounds):
            for server in servers:
                server.measure(args, 1, min(args.seconds, 10))
                found = server.measure(args, args.streams, args.seconds)
                if server is servers[0]:
                    wrong += len(found["lost"])
                    together = found["texts"]
        if args.check:
            for seed, text in sorted(together.items()):
                alone, _ = asyncio.run(stream(servers[0].url, request(args, seed)))
                if alone != text:
                    wrong += 1
                    print(f"{seed}: another text than alone")
            print(f"{len(together)} texts compared with the same request alone: {wrong} lost or wrong")
    finally:
        for server in servers:
            server.stop()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
