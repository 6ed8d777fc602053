"""The Transformer of Anaphora's recipes in PyTorch: norms in front (RMSNorm), rotary places, SwiGLU.

nanoGPT's, which `anaphora bench` is measured with, is in gpt.py.
"""

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Attention, attention to a memory where there is one, and a feed-forward network."""

    def __init__(self, width, heads, dropout, bias, causal, memory):
        super().__init__()
        self.heads, self.dropout, self.causal = heads, dropout, causal
        inner = -(-(width * 8 // 3) // 16) * 16
        self.norms = nn.ModuleList(nn.RMSNorm(width, eps=1e-6) for _ in range(3 if memory else 2))
        self.qkv, self.out = nn.Linear(width, 3 * width, bias), nn.Linear(width, width, bias)
        if memory:
            self.cross_q, self.cross_kv = nn.Linear(width, width, bias), nn.Linear(width, 2 * width, bias)
            self.cross_out = nn.Linear(width, width, bias)
        self.up, self.down = nn.Linear(width, 2 * inner, bias), nn.Linear(inner, width, bias)

    def split(self, x, parts):
        """`[rows, steps, parts * width]` to `parts` of `[rows, heads, steps, width / heads]`."""
        return x.unflatten(-1, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def drop(self, x):
        return F.dropout(x, self.dropout, self.training)

    def forward(self, x, cos, sin, mask, memory, memory_mask):
        join = lambda heads: heads.transpose(1, 2).flatten(2)
        turn = lambda t: t * cos + torch.cat((-t[..., t.shape[-1] // 2 :], t[..., : t.shape[-1] // 2]), -1) * sin
        q, k, v = self.split(self.qkv(self.norms[0](x)), 3)
        seen = F.scaled_dot_product_attention(turn(q), turn(k), v, attn_mask=mask, is_causal=self.causal)
        x = x + self.drop(self.out(join(seen)))
        if memory is not None:
            (q,) = self.split(self.cross_q(self.norms[1](x)), 1)
            k, v = self.split(self.cross_kv(memory), 2)
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=memory_mask)
            x = x + self.drop(self.cross_out(join(seen)))
        gate, up = self.up(self.norms[-1](x)).chunk(2, -1)
        return x + self.drop(self.down(F.silu(gate) * up))


class Transformer(nn.Module):
    """A stack of blocks; `inputs` values a step where they are not `width`, for which a linear map stands in front."""

    def __init__(self, layers, width, heads, dropout, longest, inputs=None, bias=False, causal=False, memory=False):
        super().__init__()
        self.dropout = dropout
        self.input = nn.Linear(inputs, width, bias) if inputs else nn.Identity()
        self.blocks = nn.ModuleList(Block(width, heads, dropout, bias, causal, memory) for _ in range(layers))
        self.norm = nn.RMSNorm(width, eps=1e-6)
        size = width // heads
        angles = torch.outer(torch.arange(longest), 10000 ** -(torch.arange(0, size, 2) / size)).repeat(1, 2)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, x, mask=None, memory=None, memory_mask=None):
        """`x[rows, steps, inputs]` to `[rows, steps, width]`; masks are true where a key may be seen."""
        steps = x.shape[1]
        x = F.dropout(self.input(x), self.dropout, self.training)
        for block in self.blocks:
            x = block(x, self.cos[:steps], self.sin[:steps], mask, memory, memory_mask)
        return self.norm(x)
