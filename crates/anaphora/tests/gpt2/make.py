"""Write the small GPT-2 that import and export are tested against: `python make.py` (torch, transformers, tokenizers).

It is made by `transformers` with random weights, biases and norms among them, and a norm epsilon of its own, so that nothing
can be left out unnoticed. Beside config.json, model.safetensors and tokenizer.json the folder gets expected.safetensors:

    ids [N] i32             a text, begun with the end token
    logits [N, vocab]       behind each of them
    greedy [100] i32        what follows them, each the likeliest

`python make.py exported FOLDER` writes exported.safetensors: the logits [tokens, vocab] of each model in a folder of exported
ones, 0, 1, ..., behind each token of a short tune. The models are those that the tests export to a new folder with

    ANAPHORA_EXPORTS=FOLDER cargo test -p anaphora transformers_finds

`python make.py FOLDER TEXT` reads a folder that `anaphora export` wrote and scores a short text by it, to be set beside
`anaphora evaluate RUN --data FILE --json`, and continues it, beside `anaphora generate RUN --prompt TEXT --temperature 0`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

HERE = Path(__file__).parent
TUNE = "X:1\nM:4/4\nK:D\n"
PROMPT = "The sea was calm, and the wind"
TEXT = "The sea was calm, and the wind came from the west. The ship and the sea, the wind and the calm. " * 4


def tokenizer():
    """Byte-level BPE with a few merges; the end token has the last number, as GPT-2's."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=271, initial_alphabet=alphabet, show_progress=False))
    inner.add_special_tokens(["<|endoftext|>"])
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|endoftext|>", bos_token="<|endoftext|>")


def main():
    torch.manual_seed(0)
    words = tokenizer()
    config = GPT2Config(
        vocab_size=len(words), n_embd=32, n_layer=2, n_head=4, n_inner=48, n_positions=120, layer_norm_epsilon=1e-3,
        bos_token_id=words.eos_token_id, eos_token_id=words.eos_token_id,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            around = 1.0 if "ln_" in name and name.endswith("weight") else 0.0
            weight.copy_(around + 0.25 * torch.randn(weight.shape))
    ids = torch.tensor([[words.eos_token_id, *words.encode(PROMPT, add_special_tokens=False)]])
    with torch.inference_mode():
        logits = model(ids).logits[0]
        greedy = model.generate(ids, max_new_tokens=100, do_sample=False, eos_token_id=None, pad_token_id=0)
    model.save_pretrained(HERE)
    words.save_pretrained(HERE)
    for rest in ["generation_config.json", "tokenizer_config.json", "special_tokens_map.json"]:
        (HERE / rest).unlink(missing_ok=True)
    save_file(
        {
            "ids": ids[0].numpy().astype(np.int32),
            "logits": logits.numpy(),
            "greedy": greedy[0, ids.shape[1] :].numpy().astype(np.int32),
        },
        HERE / "expected.safetensors",
    )


def exported(folder):
    logits = {}
    for path in sorted(Path(folder).iterdir()):
        model, words = AutoModelForCausalLM.from_pretrained(path).eval(), AutoTokenizer.from_pretrained(path)
        with torch.inference_mode():
            ids = torch.tensor([words.encode(TUNE, add_special_tokens=False)])
            logits[path.name] = model(ids).logits[0].numpy()
    save_file(logits, HERE / "exported.safetensors")


def check(folder, text):
    """What `transformers` makes of a folder: the mean loss of a text and the end behind it, and the likeliest continuation."""
    model, words = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    end = words.eos_token_id
    ids = torch.tensor([[end, *words.encode(text, add_special_tokens=False), end]])
    with torch.inference_mode():
        loss = torch.nn.functional.cross_entropy(model(ids[:, :-1]).logits[0], ids[0, 1:])
        more = model.generate(ids[:, :-1], max_new_tokens=40, do_sample=False, pad_token_id=end)
    print(f"loss {loss.item():.7f} nats a token over {ids.shape[1] - 1} tokens")
    print(words.decode(more[0, 1:], skip_special_tokens=True))


if __name__ == "__main__":
    if sys.argv[1:2] == ["exported"]:
        exported(*sys.argv[2:])
    elif len(sys.argv) > 1:
        check(*sys.argv[1:])
    else:
        main()
