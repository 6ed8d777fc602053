"""Sets models that go to and come from PyTorch beside what PyTorch computes of them.

    python bench/huggingface_check.py --binary target/release/anaphora [--only llama,nn-lstm] [--keep FOLDER]

Small models with random weights are made by `transformers` and by PyTorch's own recurrent layers, saved as people save them, and imported;
others are trained here and exported. Logits of both sides, all of a text, are compared, and the likeliest continuation with that of
`anaphora generate`. What was imported and is exported again has to have the same tensors, bit for bit. A folder that is changed in one
thing has to show it. Then the programs of `docs/huggingface.md` are run.

Both sides compute in f32 and add the same numbers in another order, which moves a logit by a few roundings of 6e-8: 1e-5 of the largest is
asked for. What is not the same model, by an epsilon, a base of rotary positions or the order of heads, is a hundred times as far.

It needs torch, transformers, safetensors and numpy; nothing is loaded from elsewhere.
"""

import argparse
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import numpy as np
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
# What logits may differ by, measured by the largest of them where that is above one; and what a changed model does at least.
MOST, LEAST = 1e-5, 1e-3
TEXT = "The sea was calm, and the wind came from the west. The ship and the sea, the wind and the calm. " * 2
END = "<|endoftext|>"
WRITTEN = 60


def call(binary, *words, cwd):
    done = subprocess.run([binary, *words], capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stderr}")
    return done.stdout


def far(found, wanted):
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    assert np.isfinite(found).all()
    return float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))


def tokenizer():
    """Byte-level BPE with a few merges; the end token has the last number, as GPT-2's."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=271, initial_alphabet=alphabet, show_progress=False))
    inner.add_special_tokens([END])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=END, bos_token=END)


def randomised(module):
    """A module with random weights, biases and norms among them, so that nothing is left out unnoticed."""
    with torch.no_grad():
        for name, weight in module.named_parameters():
            around = 1.0 if "norm" in name or "ln_" in name else 0.0
            weight.copy_(around + 0.25 * torch.randn(weight.shape))
    return module.eval()


# In: models of `transformers`.


def gpt2(**fields):
    standard = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 48, "n_positions": 160, "layer_norm_epsilon": 1e-3}
    return transformers.GPT2LMHeadModel, transformers.GPT2Config(**{**standard, **fields})


def llama(of=transformers.LlamaForCausalLM, **fields):
    standard = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 48,
                "max_position_embeddings": 160, "rms_norm_eps": 1e-3}  # fmt: skip
    return of, of.config_class(**{**standard, **fields})


def rotary(base):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": base}}


MISTRAL = transformers.MistralForCausalLM
# Name, the model, and how its folder is changed once it is saved.
IN = {
    "gpt2": (gpt2, {}, None),
    "gpt2-own-head": (gpt2, {"tie_word_embeddings": False, "activation_function": "relu"}, None),
    "gpt2-older": (gpt2, {}, "older"),
    "llama": (llama, {}, None),
    "llama-grouped": (llama, {"num_key_value_heads": 2, **rotary(500_000.0)}, None),
    "llama-one-key-head": (llama, {"num_key_value_heads": 1, "tie_word_embeddings": True}, None),
    "llama-biases": (llama, {"attention_bias": True, "mlp_bias": True, "num_key_value_heads": 2}, None),
    "llama-attention-biases": (llama, {"attention_bias": True}, None),
    "llama-parts": (llama, {}, "parts"),
    "llama-compiled": (llama, {}, "compiled"),
    "llama-bf16": (llama, {}, "bf16"),
    "llama-earlier-fields": (llama, rotary(20_000.0), "earlier"),
    "mistral": (llama, {"of": MISTRAL, "num_key_value_heads": 2, "sliding_window": None}, None),
    "mistral-window": (llama, {"of": MISTRAL, "num_key_value_heads": 2, "sliding_window": 24}, None),
}


def renamed(folder, name):
    tensors = load_file(folder / "model.safetensors")
    save_file({name(own): tensor for own, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"})


def save(model, words, folder, how):
    """A folder as `save_pretrained` writes it, or as other programs and versions do."""
    # In place it would round the frequencies of rotary positions, too.
    saved = copy.deepcopy(model).to(torch.bfloat16) if how == "bf16" else model
    saved.save_pretrained(folder, max_shard_size="20KB" if how == "parts" else "5GB")
    words.save_pretrained(folder)
    assert (folder / "model.safetensors.index.json").exists() == (how == "parts")
    if how == "bf16":
        # What was rounded is what both sides compute with.
        model.load_state_dict(saved.to(torch.float32).state_dict())
    if how == "compiled":
        renamed(folder, lambda name: f"_orig_mod.module.{name}")
    if how == "older":
        renamed(folder, lambda name: name.removeprefix("transformer."))
        file = json.loads((folder / "tokenizer.json").read_text())
        merges = "".join(f"{' '.join(merge) if isinstance(merge, list) else merge}\n" for merge in file["model"]["merges"])
        (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}")
        (folder / "vocab.json").write_text(json.dumps({**file["model"]["vocab"], END: len(file["model"]["vocab"])}))
        (folder / "tokenizer.json").unlink()
    if how == "earlier":
        change(folder, rope_theta=20_000.0, rope_scaling=None, rope_parameters=None)


def change(folder, **fields):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))


class Check:
    def __init__(self, binary, folder, name):
        self.binary, self.folder, self.name = binary, folder, name
        self.worst, self.count, self.wrong, self.written = 0.0, 0, [], ""

    def call(self, *words):
        return call(self.binary, *words, cwd=self.folder)

    def see(self, found, wanted, what):
        distance = far(found, wanted)
        self.worst, self.count = max(self.worst, distance), self.count + 1
        if not distance <= MOST:
            self.wrong.append(f"{what}: {distance:.1e}")

    def ours(self, run, text):
        """The tokens of a text as it was read, and the logits behind each."""
        self.call("inspect", run, "--text", text, "--show", "next", "--out", "x.safetensors", "--force")
        with safe_open(self.folder / "x.safetensors", "np") as file:
            return file.get_tensor("tokens").astype(np.int64), file.get_tensor("logits")

    def compare(self, run, text, logits):
        """Ours of a whole text and of its beginnings; `logits` gives PyTorch's for tokens."""
        for length in (1, 7, len(text)):
            tokens, found = self.ours(run, text[:length])
            self.see(found, logits(torch.tensor(tokens)), f"{len(tokens)} tokens")

    def continues(self, run, prompt, logits):
        """The likeliest continuation is that of `anaphora generate`."""
        retry = ["--retry", "0"] if self.name.startswith("out") else []
        said = self.call("generate", run, "--prompt", prompt, "--temperature", "0", "--tokens", str(WRITTEN), "--logprobs", "1", *retry,
                         "--precision", "f32", "--json")  # fmt: skip
        tokens, wanted = list(self.ours(run, prompt)[0]), [token["id"] for token in json.loads(said)["logprobs"]]
        same = 0
        for token in wanted:
            if int(np.argmax(logits(torch.tensor(tokens))[-1])) != token:
                self.wrong.append(f"writes otherwise after {same} tokens")
                break
            same, tokens = same + 1, [*tokens, token]
        self.written = f"{same} of {len(wanted)}"

    def must_differ(self, run, text, logits, what):
        tokens, found = self.ours(run, text)
        distance = far(found, logits(torch.tensor(tokens)))
        if distance < LEAST:
            self.wrong.append(f"{what} changes nothing: {distance:.1e}")

    # In.

    def transformers_in(self, make, fields, how):
        torch.manual_seed(len(self.name))
        words = tokenizer()
        of, config = make(vocab_size=len(words), bos_token_id=words.eos_token_id, eos_token_id=words.eos_token_id, **fields)
        model = randomised(of(config))
        theirs, run = self.folder / f"{self.name}-hf", f"runs/{self.name}"
        save(model, words, theirs, how)
        self.call("import", str(theirs), "--out", run)

        def logits(tokens):
            with torch.inference_mode():
                return model(tokens[None]).logits[0].numpy()

        self.compare(run, TEXT[:120], logits)
        self.continues(run, TEXT[:20], logits)
        self.back(run, model)
        # One thing else in the configuration is another model.
        for field, value in {"rms_norm_eps": 0.5, **rotary(100.0)}.items() if self.name == "llama" else ():
            change(theirs, **{field: value, **({"rope_theta": None} if "rope" in field else {})})
            self.call("import", str(theirs), "--out", f"{run}-{field}")
            self.must_differ(f"{run}-{field}", TEXT[:60], logits, field)

    def back(self, run, model):
        """What is exported again is what was imported."""
        self.call("export", run, "--to", "huggingface", "--out", f"{run}-hf")
        again = transformers.AutoModelForCausalLM.from_pretrained(self.folder / f"{run}-hf")
        before, after = model.state_dict(), again.state_dict()
        # A model with some biases goes out with all.
        more = {name for name in set(after) - set(before) if name.endswith(".bias") and not after[name].any()}
        if set(after) - more != set(before):
            self.wrong.append(f"comes back with other tensors: {sorted(set(after) ^ set(before))[:3]}")
        self.wrong.extend(f"{name} comes back changed" for name in before if name in after and not torch.equal(before[name], after[name]))

    # Out.

    def transformers_out(self, words):
        run = f"runs/{self.name}"
        self.call("train", "--builtin", "tunes", "--backbone", "transformer", "--hidden", "32", "--layers", "2", "--heads", "4", "--length", "64", "--context", "160", "--batch", "4",
                  "--steps", "20", "--precision", "f32", "--threads", "2", *words, "--out", run)  # fmt: skip
        self.call("export", run, "--to", "huggingface", "--out", f"{run}-hf")
        model = transformers.AutoModelForCausalLM.from_pretrained(self.folder / f"{run}-hf").eval()
        known = transformers.AutoTokenizer.from_pretrained(self.folder / f"{run}-hf")
        text = self.call("sample", "tunes")[:60]

        def logits(tokens):
            with torch.inference_mode():
                return model(tokens[None]).logits[0].numpy()

        tokens, _ = self.ours(run, text)
        if [known.eos_token_id, *known.encode(text, add_special_tokens=False)] != list(tokens):
            self.wrong.append("its tokenizer reads otherwise")
        self.compare(run, text, logits)
        self.continues(run, text[:20], logits)

    # PyTorch's recurrent layers.

    def module_in(self, make):
        torch.manual_seed(len(self.name))
        module, vocabulary, config, saved = make()
        theirs, run = self.folder / f"{self.name}-pt", f"runs/{self.name}"
        theirs.mkdir()
        save_file(saved(randomised(module)), theirs / "model.safetensors")
        (theirs / "config.json").write_text(json.dumps(config))
        (theirs / "vocab.json").write_text(json.dumps(vocabulary))
        self.call("import", str(theirs), "--out", run)
        numbers = {token: number for number, token in enumerate(vocabulary)} if isinstance(vocabulary, list) else vocabulary
        end = config.get("end_token", "<eos>")
        characters = sorted(token for token in numbers if token != end)
        order = [numbers.get(end), *(numbers[character] for character in characters)]

        def logits(tokens):
            with torch.inference_mode():
                found = module.logits([order[token] for token in tokens]).numpy()
            places = [place for place in order if place is not None]
            return found[:, places] if end in numbers else found

        text = "a tale of the sea"
        for length in (1, 7, len(text)):
            tokens, found = self.ours(run, text[:length])
            # That of an end that no vocabulary has is ours.
            self.see(found[:, 0 if end in numbers else 1 :], logits(tokens), f"{len(tokens)} tokens")
            if end not in numbers and found[:, 0].max() > found[:, 1:].mean() - 5:
                self.wrong.append("the end that was added is likely")

    def module_out(self, backbone, kind, words):
        run = f"runs/{self.name}"
        self.call("train", "--builtin", "tunes", "--backbone", backbone, "--hidden", "24", "--embedding", "16", "--layers", "2", "--length", "64", "--batch", "4",
                  "--steps", "20", "--precision", "f32", "--threads", "2", *words, "--out", run)  # fmt: skip
        weights = load_file(self.folder / run / "model.safetensors")
        vocab_size, width = weights["embedding.weight"].shape
        module = Module(vocab_size, width, 24, kind, names=("embedding", "rnn", "head")).eval()
        module.load_state_dict(weights)

        def logits(tokens):
            with torch.inference_mode():
                return module.logits(tokens.tolist()).numpy()

        text = self.call("sample", "tunes")[:60]
        self.compare(run, text, logits)
        self.continues(run, text[:20], logits)


class Module(nn.Module):
    """A language model as people write it: an embedding, recurrent layers, a linear layer."""

    def __init__(self, vocab_size, width, hidden, kind=nn.LSTM, layers=2, names=("encoder", "rnn", "decoder"), bias=True, tied=False, **options):
        super().__init__()
        self.names = names
        setattr(self, names[0], nn.Embedding(vocab_size, width) if width else nn.Identity())
        setattr(self, names[1], kind(width or vocab_size, hidden, layers, batch_first=True, **options))
        setattr(self, names[2], nn.Linear(hidden, vocab_size, bias=bias))
        self.width, self.vocab_size = width, vocab_size
        if tied:
            getattr(self, names[2]).weight = getattr(self, names[0]).weight

    def logits(self, tokens):
        """Behind each token; none is a symbol that stands between the others."""
        embedding, rnn, head = (getattr(self, name) for name in self.names)
        table = embedding.weight if self.width else torch.eye(self.vocab_size)
        # One-hot, what is in no vocabulary is the mean of all, too.
        x = torch.stack([table.mean(0) if token is None else table[token] for token in tokens])
        return head(rnn(x[None])[0])[0]


LETTERS = list(" ,.abcdefghijklmnopqrstuvwxyz")
SHUFFLED = ["<eos>", *(LETTERS[place] for place in np.random.default_rng(3).permutation(len(LETTERS)))]


def as_it_is(module):
    return module.state_dict()


def once(module):
    """Of a tied table, which is in the state twice, one."""
    name = f"{module.names[2]}.weight"
    return {own: tensor for own, tensor in module.state_dict().items() if own != name}


def wrapped(module):
    return {f"module.model.{name}": tensor for name, tensor in module.state_dict().items()}


def numbered(tokens):
    return {token: number for number, token in enumerate(tokens)}


LSTM = {"model_type": "lstm"}
MODULES = {
    "nn-lstm": lambda: (Module(30, 16, 24), numbered(SHUFFLED), LSTM, as_it_is),
    "nn-lstm-list": lambda: (Module(30, 16, 24, names=("emb", "lstm", "fc")), SHUFFLED, {**LSTM, "hidden_size": 24, "num_layers": 2}, wrapped),
    "nn-lstm-point": lambda: (Module(29, 16, 24, layers=1), LETTERS, {**LSTM, "end_token": "."}, as_it_is),
    "nn-lstm-endless": lambda: (Module(29, 16, 24), LETTERS, LSTM, as_it_is),
    "nn-lstm-one-hot": lambda: (Module(30, 0, 24), SHUFFLED, LSTM, as_it_is),
    "nn-lstm-endless-one-hot": lambda: (Module(29, 0, 24), LETTERS, LSTM, as_it_is),
    "nn-lstm-tied": lambda: (Module(30, 24, 24, tied=True), SHUFFLED, LSTM, once),
    "nn-lstm-no-biases": lambda: (Module(30, 16, 24, nn.LSTM, 2, ("embed", "lstm", "out"), False, False), SHUFFLED, LSTM, as_it_is),
    "nn-gru": lambda: (Module(30, 16, 24, nn.GRU), SHUFFLED, {"model_type": "gru"}, as_it_is),
    "nn-rnn": lambda: (Module(30, 16, 24, nn.RNN), SHUFFLED, {"model_type": "rnn"}, as_it_is),
    "nn-rnn-relu": lambda: (Module(30, 16, 24, nn.RNN, 1, nonlinearity="relu"), SHUFFLED, {"model_type": "rnn", "nonlinearity": "relu"}, as_it_is),
}
OUT = {
    "out-llama": [],
    "out-llama-grouped": ["--set", "model.kv_heads=2", "--set", "model.rotary_base=500", "--set", "model.bias=true", "--set", "model.tied_weights=true"],
    "out-llama-bytes": ["--tokenizer", "byte"],
    "out-gpt2": ["--position", "learned", "--set", "model.norm=layer", "--set", "model.feed_forward=gelu", "--tokenizer", "bpe:300"],
}
MODULES_OUT = {
    "out-nn-lstm": ("lstm", nn.LSTM, []),
    "out-nn-gru": ("gru", nn.GRU, []),
    "out-nn-rnn": ("rnn", nn.RNN, []),
}


def guide(binary, folder):
    """Runs the programs of the guide that stand by themselves, in their order, with `anaphora` at hand."""
    page = (ROOT / "docs/huggingface.md").read_text()
    programs = re.findall(r"^```(python|sh)\n(.*?)^```", page, re.S | re.M)
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin/anaphora").unlink(missing_ok=True)
    (folder / "bin/anaphora").symlink_to(binary)
    paths = [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    wrong = []
    for number, (language, program) in enumerate(programs):
        run = ["bash", "-ec", program] if language == "sh" else [sys.executable, "-c", program]
        done = subprocess.run(run, capture_output=True, text=True, cwd=folder, env=environment)
        print(f"{'ok   ' if done.returncode == 0 else 'WRONG'} the guide's program {number + 1}: {done.stdout.strip()[-200:]!r} {done.stderr.strip()[-300:] if done.returncode else ''}")
        wrong.extend([] if done.returncode == 0 else [f"program {number + 1}"])
    return wrong if programs else ["no program is found in the guide"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/anaphora")
    parser.add_argument("--only", default="", help="names of models or their beginnings, and guide, separated by commas")
    parser.add_argument("--keep", type=Path, help="a folder in which runs and files stay")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    binary, only = args.binary.resolve(), [name for name in args.only.split(",") if name]
    checks = {name: lambda check, of=of: check.transformers_in(*of) for name, of in IN.items()}
    checks |= {name: lambda check, words=words: check.transformers_out(words) for name, words in OUT.items()}
    checks |= {name: lambda check, make=make: check.module_in(make) for name, make in MODULES.items()}
    checks |= {name: lambda check, of=of: check.module_out(*of) for name, of in MODULES_OUT.items()}
    chosen = {name: run for name, run in checks.items() if not only or any(name.startswith(own) for own in only)}
    wrong = []
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    print(f"{'model':<26}{'compared':>10}{'furthest':>10}  writes on")
    with tempfile.TemporaryDirectory() as made:
        folder = args.keep.resolve() if args.keep else Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            parser.error(f"--keep {folder}: an empty folder is needed")
        for name, run in chosen.items():
            check = Check(binary, folder, name)
            run(check)
            print(f"{name:<26}{check.count:>10}{check.worst:>10.1e}  {check.written}", flush=True)
            for what in check.wrong[:4]:
                print(f"    WRONG {what}")
            wrong.extend([name] if check.wrong else [])
        if not only or "guide" in only:
            wrong.extend(guide(binary, folder))
    if wrong:
        sys.exit(f"{len(wrong)} did not hold: {', '.join(wrong)}")
    print(f"all within {MOST:.0e}, by the largest where that is above one")


if __name__ == "__main__":
    main()
