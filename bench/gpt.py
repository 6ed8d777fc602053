"""GPT-2's shape as nanoGPT has it, in PyTorch: what a Transformer of ours is measured against.

Learned positions, norms in front, no biases, exact GELU, one table for the embedding and the head, no dropout, fused
causal attention.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(hidden, 3 * hidden, bias=False)
        self.out = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x, remembered=None):
        batch, length, hidden = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, hidden // self.heads).transpose(1, 2)
            for part in self.qkv(x).split(hidden, dim=2)
        )
        if remembered is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = F.scaled_dot_product_attention(q, *remembered.add(self, k, v), attn_mask=remembered.mask)
        return self.out(y.transpose(1, 2).reshape(batch, length, hidden))


class Block(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(hidden, bias=False)
        self.attention = Attention(hidden, heads)
        self.norm2 = nn.LayerNorm(hidden, bias=False)
        self.up = nn.Linear(hidden, 4 * hidden, bias=False)
        self.down = nn.Linear(4 * hidden, hidden, bias=False)

    def forward(self, x, remembered=None):
        x = x + self.attention(self.norm1(x), remembered)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, vocab, layers, heads, hidden, context):
        super().__init__()
        self.tokens = nn.Embedding(vocab, hidden)
        self.places = nn.Embedding(context, hidden)
        self.blocks = nn.ModuleList(Block(hidden, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden, bias=False)
        self.head = nn.Linear(hidden, vocab, bias=False)
        self.head.weight = self.tokens.weight
        ending = 0.02 / math.sqrt(2 * layers)
        for name, parameter in self.named_parameters():
            if parameter.dim() >= 2:
                ends = name.endswith(("attention.out.weight", "down.weight"))
                nn.init.normal_(parameter, std=ending if ends else 0.02)

    def forward(self, ids, targets=None, remembered=None):
        """Of ids [batch, length], the mean loss against targets, or the logits behind the last step, [batch, vocab]."""
        places = torch.arange(ids.shape[1]) if remembered is None else remembered.places
        x = self.tokens(ids) + self.places(places)
        for block in self.blocks:
            x = block(x, remembered)
        x = self.norm(x)
        if targets is None:
            return self.head(x[:, -1])
        return F.cross_entropy(self.head(x).flatten(0, 1).float(), targets.flatten())


class Remembered:
    """Keys and values of one stream, laid out once; `static` keeps all shapes the same, which compiled code needs."""

    def __init__(self, model, static):
        context, hidden = model.places.weight.shape
        heads = model.blocks[0].attention.heads
        zeros = lambda: torch.zeros(1, heads, context, hidden // heads, dtype=model.places.weight.dtype)
        self.values = {block.attention: (zeros(), zeros()) for block in model.blocks}
        self.static, self.held, self.all = static, 0, torch.arange(context)

    def begin(self, count):
        """Makes `count` tokens those that come next."""
        self.places = self.all[self.held : self.held + count].clone()
        self.held += count
        seen = self.all if self.static else self.all[: self.held]
        # One token sees all that is held, and needs no mask to say so.
        self.mask = seen <= self.places[:, None] if self.static or count > 1 else None

    def add(self, attention, k, v):
        """All keys and values, with those of these tokens."""
        held = self.values[attention]
        for old, new in zip(held, (k, v)):
            old.index_copy_(2, self.places, new)
        return held if self.static else tuple(old[:, :, : self.held] for old in held)
