"""Write beam.json, what the beam search is tested against: `python beam.py` (torch, transformers 5).

A list of searches by `generate` of Hugging Face's transformers, each over a model whose distribution depends on the last token and
sharpens as a sequence grows (so that sequences of the same pairs are not equally likely):

    logits [tokens, tokens]   of the first token after each, those of the n-th times (9 + n) / 10; 0 is the end, and the prompt
    beams, length_penalty, no_repeat_ngram, limit
    found                     the `beams` best sequences, their end included, with their scores
"""

import json
from pathlib import Path

import torch
from transformers import GenerationConfig, GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

END = 0


class Chain(PreTrainedModel, GenerationMixin):
    config_class = PretrainedConfig
    main_input_name = "input_ids"
    _supports_cache_class = False

    def __init__(self, logits):
        super().__init__(PretrainedConfig(vocab_size=len(logits), num_hidden_layers=1, is_encoder_decoder=False))
        self.table = torch.nn.Parameter(logits)

    def forward(self, input_ids, attention_mask=None, return_dict=True):
        sharper = (10 + torch.arange(input_ids.shape[1], dtype=torch.float32)) / 10
        return CausalLMOutput(logits=self.table[input_ids] * sharper[:, None])

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **_):
        return {"input_ids": input_ids}


def search(seed):
    random = torch.Generator().manual_seed(seed)

    def one_of(*values):
        return values[torch.randint(len(values), (), generator=random)]

    tokens, beams, limit = one_of(5, 8), one_of(2, 3, 4, 5), one_of(4, 9, 20)
    length_penalty, no_repeat_ngram = one_of(-0.5, 0.0, 0.6, 1.0, 2.0), one_of(0, 0, 2, 3)
    # To two decimals, so that the file is small and exact.
    logits = (200 * torch.randn(tokens, tokens, generator=random)).round() / 100
    config = GenerationConfig(
        num_beams=beams,
        num_return_sequences=beams,
        length_penalty=length_penalty,
        no_repeat_ngram_size=no_repeat_ngram,
        max_new_tokens=limit,
        early_stopping=False,
        do_sample=False,
        bos_token_id=END,
        eos_token_id=END,
        pad_token_id=END,
        use_cache=False,
        return_dict_in_generate=True,
        output_scores=True,
    )
    prompt = torch.tensor([[END]])
    output = Chain(logits).generate(prompt, attention_mask=torch.ones_like(prompt), generation_config=config)
    found = []
    for ids, score in zip(output.sequences[:, 1:].tolist(), output.sequences_scores.tolist()):
        ids = ids[: ids.index(END) + 1] if END in ids else ids
        found.append([ids, round(score, 5)])
    logits = [[round(x, 2) for x in row] for row in logits.tolist()]
    return dict(
        logits=logits,
        beams=beams,
        length_penalty=length_penalty,
        no_repeat_ngram=no_repeat_ngram,
        limit=limit,
        found=found,
    )


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(search(seed), separators=(",", ":")) for seed in range(100))
    (Path(__file__).parent / "beam.json").write_text(f"[\n{lines}\n]\n")
