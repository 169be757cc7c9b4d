"""The shape of a model, as far as cost depends on it, and those of well-known models."""

from __future__ import annotations

from dataclasses import dataclass

from circuits.cached import cached_property
from circuits.components import Wiring


@dataclass(frozen=True)
class Shape:
    """A transformer with norms in front, attention and an MLP in each layer.

    mlp_products  how many products an MLP has: 2, or 3 where it is gated
    is_tied       whether embedding and unembedding are the same weights
    is_rotary     whether queries and keys are turned by their position, and so kept once more
    """

    name: str
    n_layers: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    d_model: int
    d_mlp: int
    n_vocabulary: int
    mlp_products: int = 2
    is_tied: bool = True
    is_rotary: bool = False

    @property
    def in_attention(self) -> int:
        """Weights of the queries, keys and values of one layer."""
        return self.d_model * self.d_head * (self.n_heads + 2 * self.n_kv_heads)

    @property
    def out_of_attention(self) -> int:
        """Weights of the output projection of one layer."""
        return self.d_model * self.d_head * self.n_heads

    @property
    def in_mlp(self) -> int:
        """Weights of the MLP of one layer."""
        return self.mlp_products * self.d_model * self.d_mlp

    @property
    def per_layer(self) -> int:
        return self.in_attention + self.out_of_attention + self.in_mlp

    @property
    def unembedding(self) -> int:
        return self.d_model * self.n_vocabulary

    @property
    def n_weights(self) -> int:
        """All products and embeddings; biases, norms and learned positions, under 1 %, are left out."""
        return self.n_layers * self.per_layer + self.unembedding * (1 if self.is_tied else 2)

    @property
    def n_writers(self) -> int:
        return 1 + self.n_layers * (self.n_heads + 1)

    @property
    def projected(self) -> int:
        """Numbers of one token's queries, keys and values in one layer."""
        return self.d_head * (self.n_heads + 2 * self.n_kv_heads)

    @property
    def numbers_per_token(self) -> int:
        """Numbers kept of one token in one layer of a recorded run: stream, attention, MLP, heads, queries, keys and
        values; where these are rotary, queries and keys as they were before as well."""
        turned = self.d_head * (self.n_heads + self.n_kv_heads) if self.is_rotary else 0
        return 3 * self.d_model + self.d_head * self.n_heads + self.projected + turned

    @property
    def numbers_kept_for_gradients(self) -> int:
        """Numbers that a run of one token keeps in one layer for its backward pass: the stream where it is normed,
        twice; queries and heads, keys and values; the MLP's hidden values, of a gated one three times."""
        hidden = self.d_mlp * (3 if self.mlp_products == 3 else 1)
        turned = 2 * self.d_head * self.n_kv_heads if self.is_rotary else 0
        return hidden + 2 * self.d_model + 2 * self.d_head * self.n_heads + self.projected + turned

    @cached_property
    def wiring(self) -> Wiring:
        return Wiring(self.n_layers, self.n_heads, self.n_kv_heads)


def _gpt2(name: str, n_layers: int, n_heads: int, d_model: int) -> Shape:
    return Shape(name, n_layers, n_heads, n_heads, d_model // n_heads, d_model, 4 * d_model, 50_257)


def _llama(name: str, layers: int, heads: tuple[int, int, int], d_model: int, d_mlp: int, words: int, **more: bool):
    return Shape(name, layers, *heads, d_model, d_mlp, words, mlp_products=3, is_rotary=True, **more)


GPT2_MEDIUM = _gpt2("GPT-2 medium", 24, 16, 1024)
GPT2_SMALL = _gpt2("GPT-2 small", 12, 12, 768)
SMOLLM2 = _llama("SmolLM2-135M", 30, (9, 3, 64), 576, 1536, 49_152)
# From the configuration that each is published with.
SHAPES = (
    GPT2_SMALL,
    SMOLLM2,
    GPT2_MEDIUM,
    _llama("Llama 3.2 1B", 16, (32, 8, 64), 2048, 8192, 128_256),
    _gpt2("GPT-2 XL", 48, 25, 1600),
    _llama("Llama 3.1 8B", 32, (32, 8, 128), 4096, 14_336, 128_256, is_tied=False),
    _llama("Qwen2.5 32B", 64, (40, 8, 128), 5120, 27_648, 152_064, is_tied=False),
    _llama("Llama 3.1 70B", 80, (64, 8, 128), 8192, 28_672, 128_256, is_tied=False),
)
