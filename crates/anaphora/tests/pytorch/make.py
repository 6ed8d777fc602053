"""Write the small Llama and LSTM that the import is tested against: `python make.py` (torch, transformers, tokenizers, safetensors).

llama/ is a folder as `transformers` saves it, in parts and in bf16, with random weights: keys and values shared by two heads, biases in
attention alone, a norm epsilon and a base of rotary positions of its own. lstm/ is the state of a module of one's own: two layers, characters
in no order, an end among them. Each gets expected.safetensors:

    ids [N] i32             a text, begun with the end token, as the maker numbers them
    logits [N, vocab]       behind each of them, computed in f32
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
TEXT = "The sea was calm, and the wind came from the west. The ship and the sea, the wind and the calm. " * 4
PROMPT = "The sea was calm, and the wind came"
END = "<|endoftext|>"


def randomised(module):
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.copy_((1.0 if "norm" in name else 0.0) + 0.25 * torch.randn(weight.shape))
    return module.eval()


def keep(folder, ids, logits):
    save_arrays({"ids": np.array(ids, np.int32), "logits": logits.numpy()}, folder / "expected.safetensors")


def llama():
    folder = HERE / "llama"
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=271, initial_alphabet=alphabet, show_progress=False))
    inner.add_special_tokens([END])
    words = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=END, bos_token=END)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=24,
        max_position_embeddings=64, rms_norm_eps=1e-3, attention_bias=True, rope_parameters={"rope_type": "default", "rope_theta": 500.0},
        bos_token_id=words.eos_token_id, eos_token_id=words.eos_token_id,
    )  # fmt: skip
    model = randomised(LlamaForCausalLM(config)).to(torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="16KB")
    words.save_pretrained(folder)
    for rest in ["generation_config.json", "tokenizer_config.json", "special_tokens_map.json"]:
        (folder / rest).unlink(missing_ok=True)
    ids = [words.eos_token_id, *words.encode(PROMPT, add_special_tokens=False)]
    # In place the frequencies of rotary positions would stay rounded.
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        keep(folder, ids, model(torch.tensor([ids])).logits[0])


class Model(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, 6)
        self.lstm = nn.LSTM(6, 8, num_layers=2, batch_first=True)
        self.fc = nn.Linear(8, vocab_size)


def lstm():
    folder = HERE / "lstm"
    folder.mkdir(exist_ok=True)
    characters = [*np.random.default_rng(3).permutation(sorted(set(TEXT))), "<eos>"]
    numbers = {str(character): number for number, character in enumerate(characters)}
    model = randomised(Model(len(numbers)))
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "lstm"}) + "\n")
    (folder / "vocab.json").write_text(json.dumps(numbers) + "\n")
    ids = [numbers["<eos>"], *(numbers[character] for character in PROMPT)]
    with torch.inference_mode():
        keep(folder, ids, model.fc(model.lstm(model.emb(torch.tensor([ids])))[0])[0])


torch.manual_seed(0)
llama()
lstm()
