"""Many streams at once: what they get, how fast, and in how much memory; beside a server as people write it today.

    cargo build --release -p anaphora-cli; cargo build --release -p anaphora-server --example load
    python bench/serving.py --runs DIR --model NAME [--streams 1,32] [--tokens 200] [--seconds 20] [--rounds 3] [--precision int8] [--peer]

The load is `crates/server/examples/load.rs`, a stream of its own for each text; when one has ended the next begins, and in the end every
text is compared with what the same request gives alone. Told are tokens a second, the median and the 99th percentile of the time to the first
part and from part to part (tokens of four milliseconds come together), what was lost or wrong, and the server's memory (resident set) at the begin and the end. With `--peer` the same is
asked of `serving_torch.py`, FastAPI with PyTorch on the same weights, by turns. `--start` times the start of a server with the model: until it
listens, and until the first token of a model that was not read yet.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def resident(process):
    """Mebibytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


class Serving:
    def __init__(self, call, name):
        self.name = name
        begun = time.perf_counter()
        self.process = subprocess.Popen(call, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "http://" in line:
                self.address = line.split("http://", 1)[1].split()[0]
                self.listens = time.perf_counter() - begun
                return
        sys.exit(f"{name} ended before it listened")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def measure(args, server, streams):
    begin = resident(server.process.pid)
    words = [server.address, args.model, args.prompt, streams, args.tokens, args.seconds, args.seeds]
    done = subprocess.run([args.load, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    found = json.loads(done.stdout)
    (first, late), (after, later) = found["first"], found["next"]
    print(
        f"{server.name:<16}{streams:>4} streams {found['rate']:>9.0f} tokens/s   first {first:.1f} / {late:.1f} ms   next {after:.2f} / {later:.2f} ms   "
        f"{found['texts']} texts, {found['compared']} compared, {found['lost']} lost, {found['wrong']} wrong   "
        f"{begin:.0f} -> {resident(server.process.pid):.0f} MiB",
        flush=True,
    )
    return found


def start(args):
    """Milliseconds until a server listens, and until the first token of its model."""
    both = []
    for _ in range(7):
        server = Serving([args.binary, "serve", args.runs, "--port", "0", "--threads", str(args.threads), "--precision", args.precision], "anaphora")
        body = json.dumps({"model": args.model, "prompt": "", "max_tokens": 1}).encode()
        begun = time.perf_counter()
        urllib.request.urlopen(f"http://{server.address}/v1/completions", body).read()
        both.append((1000 * server.listens, 1000 * (time.perf_counter() - begun)))
        server.stop()
    listens, first = (statistics.median(times) for times in zip(*both))
    print(f"listens after {listens:.0f} ms; first token of a model that was not read yet after {first:.0f} ms (medians of seven)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/anaphora")
    parser.add_argument("--load", default="target/release/examples/load")
    parser.add_argument("--runs", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--prompt", default="X:1\\n")
    parser.add_argument("--streams", default="1,32")
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--precision", default="auto", help="of anaphora's products")
    parser.add_argument("--start", action="store_true")
    parser.add_argument("--peer", action="store_true")
    args = parser.parse_args()
    if args.start:
        start(args)
    servers = [Serving([args.binary, "serve", args.runs, "--port", "0", "--threads", str(args.threads), "--precision", args.precision], "anaphora")]
    if args.peer:
        torch = Path(__file__).with_name("serving_torch.py")
        servers.append(Serving([sys.executable, str(torch), f"{args.runs}/{args.model}", str(args.threads)], "FastAPI + torch"))
    wrong, rates = 0, {}
    try:
        for _ in range(args.rounds):
            for streams in map(int, args.streams.split(",")):
                for server in servers:
                    found = measure(args, server, streams)
                    rates.setdefault((server.name, streams), []).append(found["rate"])
                    wrong += (found["lost"] + found["wrong"]) * (server is servers[0])
    finally:
        for server in servers:
            server.stop()
    for (name, streams), found in rates.items():
        print(f"{name}, {streams} streams: median {statistics.median(found):.0f} tokens/s ({min(found):.0f}-{max(found):.0f})")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
