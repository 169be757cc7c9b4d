"""Models written by hand into weights, whose every effect can be worked out on paper.

All are native models without norms. The residual stream is cut into named blocks, each a one-hot vector of its own:
the embedding writes "token" and "position", heads copy blocks to blocks, and the unembedding reads "output" alone. An
edge can only have an effect where its reader reads a block that its source writes, and where the reader leads on to
"output". Attention scores are 200 for the wanted key and 0 for others: exp(-200) is 0 in float32, so patterns are
exactly one-hot, and with weights 1 and 2 all values are exact.

An edge is *true* when corrupting it alone changes the answer of some prompt. An edge that carries position alone is
read too, but prompts of equal length have the same positions: it matters only when position itself is taken away.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from circuits.data.prompts import Prompt, PromptSet

_SHARP = 200.0


@dataclass(frozen=True)
class Program:
    """A hand-written model, and what is true of it.

    write           puts the model into a folder, and returns the folder
    prompts         makes prompts on which every true edge matters for some prompt
    true_edges      corrupting the edge alone changes the answer of some prompt
    position_edges  carry position alone: matter where an ablation takes position away, never between two prompts
    working         the heads and MLPs whose corruption changes the answer of some prompt

    Every edge in neither set has effect exactly 0 under any ablation.
    """

    write: Callable[[Path], Path]
    prompts: Callable[[], PromptSet]
    true_edges: frozenset[str]
    position_edges: frozenset[str]
    working: frozenset[str]


class _Weights:
    """Weights of a native model, all zero but for what is written into them."""

    def __init__(self, *, n_tokens: int, n_positions: int, n_layers: int, n_heads: int, blocks: dict[str, int]) -> None:
        """blocks  sizes of the blocks beside "token", "position" and "output" """
        sizes = {"token": n_tokens, "position": n_positions, **blocks, "output": n_tokens}
        stops = list(itertools.accumulate(sizes.values()))
        self.block = {name: slice(stop - sizes[name], stop) for name, stop in zip(sizes, stops, strict=True)}
        self.d_head = max(n_tokens, n_positions)
        d_model, d_mlp = stops[-1], 4
        self.config = {
            "n_layers": n_layers,
            "d_model": d_model,
            "d_head": self.d_head,
            "n_heads": n_heads,
            "n_ctx": n_positions,
            "d_vocab": n_tokens,
            "d_mlp": d_mlp,
            "architecture": "TransformerLensNative",
            "act_fn": "relu",
            "attention_dir": "causal",
            "normalization_type": None,
            "positional_embedding_type": "standard",
        }
        self.tensors = {
            "embed.W_E": torch.eye(n_tokens, d_model),
            "pos_embed.W_pos": torch.zeros(n_positions, d_model),
            "unembed.W_U": torch.zeros(d_model, n_tokens),
            "unembed.b_U": torch.zeros(n_tokens),
        }
        self.tensors["pos_embed.W_pos"][:, self.block["position"]] = torch.eye(n_positions)
        self.tensors["unembed.W_U"][self.block["output"]] = torch.eye(n_tokens)
        shapes: dict[str, tuple[int, ...]] = {"attn.W_O": (n_heads, self.d_head, d_model), "attn.b_O": (d_model,)}
        for name in "QKV":
            shapes |= {f"attn.W_{name}": (n_heads, d_model, self.d_head), f"attn.b_{name}": (n_heads, self.d_head)}
        shapes |= {"mlp.W_in": (d_model, d_mlp), "mlp.b_in": (d_mlp,)}
        shapes |= {"mlp.W_out": (d_mlp, d_model), "mlp.b_out": (d_model,)}
        for layer, (name, shape) in itertools.product(range(n_layers), shapes.items()):
            self.tensors[f"blocks.{layer}.{name}"] = torch.zeros(shape)

    def of(self, layer: int, name: str) -> Tensor:
        return self.tensors[f"blocks.{layer}.{name}"]

    def attend(self, layer: int, index: int, query: str, key: str, wanted: Tensor) -> None:
        """Head `index` attends where the block `key` of another position matches its own block `query`.

        wanted  [query value, key value] 1 where a key is wanted; a query without a wanted key attends to all alike
        """
        queries, keys = self.block[query], self.block[key]
        self.of(layer, "attn.W_Q")[index, queries, : wanted.shape[1]] = _SHARP * self.d_head**0.5 * wanted
        self.of(layer, "attn.W_K")[index, keys, : wanted.shape[1]] = torch.eye(wanted.shape[1])

    def copy(self, layer: int, index: int, source: str | slice, target: str, *, weight: float = 1) -> None:
        """Head `index` adds what it attends to in the block `source` to the block `target` of its own position."""
        read = self.block[source] if isinstance(source, str) else source
        size = read.stop - read.start
        self.of(layer, "attn.W_V")[index, read, :size] = torch.eye(size)
        self.of(layer, "attn.W_O")[index, :size, self.block[target]] = weight * torch.eye(size)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config))
        save_file({name: tensor.contiguous() for name, tensor in self.tensors.items()}, folder / "model.safetensors")
        return folder


def _one_before(n_positions: int) -> Tensor:
    """Wanted keys of a previous-token head; the first position has nothing before it, and sees itself alone."""
    return torch.eye(n_positions).roll(-1, dims=1).index_fill(0, torch.tensor([0]), 0)


# The detector. Tokens 0..3 are letters, 4 is a question mark that asks for the previous token.
N_TOKENS, N_POSITIONS, QUESTION = 5, 6, 4


def write_detector(folder: Path) -> Path:
    """Which token stands before this one: the model says so with logit 2, and gives all others 0.

    a0.h0  attends from each position to the one before it, and copies its "token" into "previous";
    a1.h1  attends to itself alone (position to position), and copies "previous" to "output" with weight 2.
    a0.h1, a1.h0 and both MLPs have zero weights.

    True: input->a0.h0<v> (the token), a0.h0->a1.h1<v>, a1.h1->logits: each alone turns the answer into the corrupt
    one, from 2 to -2. The queries and keys of both heads read "position", which input alone writes.
    """
    weights = _Weights(n_tokens=N_TOKENS, n_positions=N_POSITIONS, n_layers=2, n_heads=2, blocks={"previous": N_TOKENS})
    weights.attend(0, 0, "position", "position", _one_before(N_POSITIONS))
    weights.copy(0, 0, "token", "previous")
    weights.attend(1, 1, "position", "position", torch.eye(N_POSITIONS))
    weights.copy(1, 1, "previous", "output", weight=2)
    return weights.write(folder)


def detector_prompts(n: int = 36, seed: int = 0) -> PromptSet:
    """Letters, then the question mark; the letter before it differs between clean and corrupt."""
    draw, prompts = random.Random(seed), []
    for number in range(n):
        n_before = 1 + number % (N_POSITIONS - 2)
        answer, wrong = draw.sample(range(QUESTION), 2)
        clean, corrupt = ((*draw.choices(range(QUESTION), k=n_before), last, QUESTION) for last in (answer, wrong))
        prompts.append(Prompt(clean, corrupt, (answer,), (wrong,)))
    return PromptSet("detector", tuple(prompts))


# Induction. Token 0 starts every prompt and is never asked for.
_N_LETTERS, _START, _LONGEST = 9, 0, 8


def write_induction(folder: Path) -> Path:
    """What followed this token when it last occurred: A B ... A gives B the logit 2, and all others 0.

    a0.h0  attends from each position to the one before it, and copies its "token" into "previous";
    a1.h1  its query is "token", its key "previous": it attends from A to the position after the earlier A, and copies
           the "token" found there to "output" with weight 2.
    a0.h1, a1.h0 and both MLPs have zero weights.

    True, with clean ... A B ... A and corrupt ... A' B' ... A' such that A occurs twice and every other token once,
    A' differs from A, B' from B, and the corrupt prompt has neither A nor B where the clean one has them first:
    input->a1.h1<q>    the query is A', which has no match at the position of B;
    input->a0.h0<v>    "previous" is that of the corrupt prompt, in which A does not stand before B's position;
    a0.h0->a1.h1<k>    the same, since the keys read that head's output;
    input->a1.h1<v>    another token is copied from B's position;
    a1.h1->logits      the corrupt answer is written.
    In all of them B, which stands at one position alone, gets less than the whole attention, or is not there: its logit
    falls below 2 while the logit of B' is at least 0. The query and key of a0.h0 read "position", which input alone
    writes; those of a1.h1 read no position.
    """
    weights = _Weights(
        n_tokens=_N_LETTERS, n_positions=_LONGEST, n_layers=2, n_heads=2, blocks={"previous": _N_LETTERS}
    )
    weights.attend(0, 0, "position", "position", _one_before(_LONGEST))
    weights.copy(0, 0, "token", "previous")
    weights.attend(1, 1, "token", "previous", torch.eye(_N_LETTERS))
    weights.copy(1, 1, "token", "output", weight=2)
    return weights.write(folder)


def induction_prompts(n: int = 36, seed: int = 0) -> PromptSet:
    """The last letter occurred once before; nothing else occurs twice."""
    draw, prompts = random.Random(seed), []

    def drawn(length: int) -> tuple[tuple[int, ...], int]:
        """A prompt, and where its last letter occurred before: something follows there that is not the last letter."""
        letters = draw.sample(range(1, _N_LETTERS), length - 2)
        index = draw.randrange(1, length - 2)
        return (_START, *letters, letters[index - 1]), index

    while len(prompts) < n:
        length = _LONGEST - len(prompts) % 3
        (clean, index), (corrupt, corrupt_index) = drawn(length), drawn(length)
        answer, wrong = clean[index + 1], corrupt[corrupt_index + 1]
        differ = clean[index] != corrupt[index] and clean[index + 1] != corrupt[index + 1]
        if differ and clean[-1] != corrupt[-1] and answer != wrong:
            prompts.append(Prompt(clean, corrupt, (answer,), (wrong,)))
    return PromptSet("induction", tuple(prompts))


# The two-step copy. All prompts have the same length.
_N_COPIED, _COPY_LENGTH, _SOURCE, _MIDDLE = 5, 7, 1, 3


def write_two_step_copy(folder: Path) -> Path:
    """Which token stands at position 1, by way of position 3: the end gives it the logit 2, and all others 0.

    a0.h1  attends from position 3 to position 1 and copies "token" into "carried";
    a1.h0  attends from the last position to position 3 and copies "carried" to "output" with weight 2.
    Two more heads are active to no effect: a0.h0 copies each "token" into "scratch" of its own position, and a1.h1
    copies "scratch" to "scratch"; no reader that leads to the output reads it. a0.h2, a1.h2 and both MLPs are zero.
    Elsewhere a0.h1 and a1.h0 attend to all positions alike; nothing reads what they write there.

    True: input->a0.h1<v>, a0.h1->a1.h0<v>, a1.h0->logits, from 2 to -2 each. The queries and keys of both working heads
    read "position", which input alone writes.
    """
    weights = _Weights(
        n_tokens=_N_COPIED,
        n_positions=_COPY_LENGTH,
        n_layers=2,
        n_heads=3,
        blocks={"carried": _N_COPIED, "scratch": _N_COPIED},
    )
    for layer, index, position, seen in ((0, 1, _MIDDLE, _SOURCE), (1, 0, _COPY_LENGTH - 1, _MIDDLE)):
        wanted = torch.zeros(_COPY_LENGTH, _COPY_LENGTH)
        wanted[position, seen] = 1
        weights.attend(layer, index, "position", "position", wanted)
    weights.copy(0, 1, "token", "carried")
    weights.copy(1, 0, "carried", "output", weight=2)
    for layer, index, block in ((0, 0, "token"), (1, 1, "scratch")):
        weights.attend(layer, index, "position", "position", torch.eye(_COPY_LENGTH))
        weights.copy(layer, index, block, "scratch")
    return weights.write(folder)


def two_step_copy_prompts(n: int = 36, seed: int = 0) -> PromptSet:
    """Random tokens, another one at position 1 in the corrupt prompt."""
    draw, prompts = random.Random(seed), []
    for _ in range(n):
        clean, corrupt = (draw.choices(range(_N_COPIED), k=_COPY_LENGTH) for _ in range(2))
        clean[_SOURCE], corrupt[_SOURCE] = draw.sample(range(_N_COPIED), 2)
        prompts.append(Prompt(tuple(clean), tuple(corrupt), (clean[_SOURCE],), (corrupt[_SOURCE],)))
    return PromptSet("two-step copy", tuple(prompts))


# The conjunction. NO and YES may stand at positions 1 and 2, anything elsewhere; they are the answers too.
_NO, _YES, _OTHER, _AND_LENGTH = 0, 1, 2, 5


def write_conjunction(folder: Path) -> Path:
    """Whether YES stands at both position 1 and position 2: logit 2 for YES if so, against a constant 1 for NO.

    a0.h0  attends from the last position to position 1 and copies whether there is a YES into "left";
    a0.h1  attends from the last position to position 2 and copies whether there is a YES into "right";
    m1     writes 4 relu(left + right - 1.5) to the output of YES: 2 for both, else 0.
    m0 has no effect: it writes relu(left + right) into "scratch", which nothing reads. Layer 1 has no working head.

    True: input->a0.h0<v>, input->a0.h1<v>, a0.h0->m1, a0.h1->m1, m1->logits. From (YES, YES) to (NO, NO) each of them
    alone costs the answer 2, and so do all of them at once: the edges into m1 do not add up. From (YES, NO) to
    (NO, YES) those of "left" change nothing, those of "right" make it (YES, YES) and cost the answer NO 2, and all at
    once change nothing. The queries and keys of a0.h0 and a0.h1 read "position", which input alone writes.
    """
    weights = _Weights(
        n_tokens=3, n_positions=_AND_LENGTH, n_layers=2, n_heads=2, blocks={"left": 1, "right": 1, "scratch": 1}
    )
    yes = weights.block["token"].start + _YES
    left, right, scratch = (weights.block[name].start for name in ("left", "right", "scratch"))
    for index, block in enumerate(("left", "right")):
        wanted = torch.zeros(_AND_LENGTH, _AND_LENGTH)
        wanted[-1, 1 + index] = 1
        weights.attend(0, index, "position", "position", wanted)
        weights.copy(0, index, slice(yes, yes + 1), block)
    for layer in range(2):
        weights.of(layer, "mlp.W_in")[[left, right], 0] = 1
    weights.of(0, "mlp.W_out")[0, scratch] = 1
    weights.of(1, "mlp.b_in")[0] = -1.5
    weights.of(1, "mlp.W_out")[0, weights.block["output"].start + _YES] = 4
    weights.tensors["unembed.b_U"][_NO] = 1
    return weights.write(folder)


def conjunction_prompts(n_each: int = 4, seed: int = 0) -> PromptSet:
    """All pairs of different values at positions 1 and 2, among random tokens."""
    draw, prompts = random.Random(seed), []
    values = list(itertools.product((_NO, _YES), repeat=2))
    for clean_pair, corrupt_pair in itertools.permutations(values, 2):
        for _ in range(n_each):
            clean, corrupt = (
                (draw.randrange(3), *pair, *draw.choices(range(3), k=_AND_LENGTH - 3))
                for pair in (clean_pair, corrupt_pair)
            )
            answer, wrong = (_YES, _NO) if clean_pair == (_YES, _YES) else (_NO, _YES)
            prompts.append(Prompt(clean, corrupt, (answer,), (wrong,)))
    return PromptSet("conjunction", tuple(prompts))


def write_backup(folder: Path) -> Path:
    """Whether YES stands at position 1, known twice over: logit 2 for YES if so, against a constant 1 for NO.

    a0.h0 and a0.h1  both attend from the last position to position 1; each copies whether there is a YES into a block
                     of its own, "first" and "second";
    m1               writes 2 min(first + second, 1) to the output of YES, as 2 relu(s) - 2 relu(s - 1): either head is
                     enough.
    m0 and layer 1's heads have zero weights.

    From YES to NO, two circuits suffice, of three edges each: input->a0.h0<v>, a0.h0->m1, m1->logits, and the same
    through a0.h1. In the whole model no edge before m1 matters alone. (From NO to YES both heads must be kept from
    seeing YES, so that there is no backup.)
    """
    weights = _Weights(n_tokens=3, n_positions=_AND_LENGTH, n_layers=2, n_heads=2, blocks={"first": 1, "second": 1})
    yes = weights.block["token"].start + _YES
    for index, block in enumerate(("first", "second")):
        wanted = torch.zeros(_AND_LENGTH, _AND_LENGTH)
        wanted[-1, 1] = 1
        weights.attend(0, index, "position", "position", wanted)
        weights.copy(0, index, slice(yes, yes + 1), block)
        weights.of(1, "mlp.W_in")[weights.block[block].start, :2] = 1
    weights.of(1, "mlp.b_in")[1] = -1
    output = weights.block["output"].start + _YES
    weights.of(1, "mlp.W_out")[0, output], weights.of(1, "mlp.W_out")[1, output] = 2, -2
    weights.tensors["unembed.b_U"][_NO] = 1
    return weights.write(folder)


def backup_prompts(n: int = 8, seed: int = 0) -> PromptSet:
    """YES at position 1, and NO in the corrupt prompt."""
    draw, prompts = random.Random(seed), []
    for _ in range(n):
        before, *after = draw.choices(range(3), k=_AND_LENGTH - 1)
        clean, corrupt = ((before, value, *after) for value in (_YES, _NO))
        prompts.append(Prompt(clean, corrupt, (_YES,), (_NO,)))
    return PromptSet("backup", tuple(prompts))


def write_sign_flip(folder: Path) -> Path:
    """A head that says YES where YES stands at position 1, and a later MLP that hears it and says the opposite, louder.

    a0.h0  attends from the last position to position 1, and writes whether there is a YES to the output of YES, with
           weight 2, and to the block "seen";
    m1     writes -3 times "seen" to the output of YES.
    All other heads and m0 have zero weights.

    With YES, the logit of YES is 2 - 3; with NO it is 0, and that of NO is 0 in both. The direct effect of a0.h0 is 2,
    its total effect -1; of m1 both are -3.
    """
    weights = _Weights(n_tokens=3, n_positions=_AND_LENGTH, n_layers=2, n_heads=2, blocks={"seen": 1})
    yes = weights.block["token"].start + _YES
    output, seen = weights.block["output"].start + _YES, weights.block["seen"].start
    wanted = torch.zeros(_AND_LENGTH, _AND_LENGTH)
    wanted[-1, 1] = 1
    weights.attend(0, 0, "position", "position", wanted)
    weights.copy(0, 0, slice(yes, yes + 1), "seen")
    weights.of(0, "attn.W_O")[0, 0, output] = 2
    weights.of(1, "mlp.W_in")[seen, 0] = 1
    weights.of(1, "mlp.W_out")[0, output] = -3
    return weights.write(folder)


# Selection. Tokens 0..5 are letters, 6..9 are cues: cue n stands for the letter at position n.
_N_SELECTED, _CUE = 4, 6


def write_selector(folder: Path, *, layer: int = 0) -> Path:
    """Four letters and a cue: the logit of the letter at the cue's position is 2, all others are 0.

    Head 0 of `layer` attends from cue n to position n, and copies "token" to "output" with weight 2; nothing else has
    weights. Its four queries are 200 (times the root of d_head) times four orthogonal directions: a simplex, which
    three directions hold, and two do not. So are its keys at the four positions.
    """
    weights = _Weights(n_tokens=_CUE + _N_SELECTED, n_positions=_N_SELECTED + 1, n_layers=2, n_heads=2, blocks={})
    wanted = torch.zeros(_CUE + _N_SELECTED, _N_SELECTED + 1)
    wanted[_CUE:, :_N_SELECTED] = torch.eye(_N_SELECTED)
    weights.attend(layer, 0, "token", "position", wanted)
    weights.copy(layer, 0, "token", "output", weight=2)
    return weights.write(folder)


def selector_prompts(n: int = 16, seed: int = 0) -> PromptSet:
    """Different letters with the cues in turn; the corrupt prompt has another cue. Role: `letters`."""
    draw, prompts = random.Random(seed), []
    for number in range(n):
        letters, cue = draw.sample(range(_CUE), _N_SELECTED), number // 2 % _N_SELECTED
        other = (cue + 1) % _N_SELECTED
        clean, corrupt = ((*letters, _CUE + which) for which in (cue, other))
        wrong = tuple(letter for letter in letters if letter != letters[cue])
        prompts.append(Prompt(clean, corrupt, (letters[cue],), wrong, roles={"letters": (0, 1, 2, 3)}))
    return PromptSet("selector", tuple(prompts))


# Inhibition. Tokens 0..5 are letters, 6 fills a place, the others are cues at the end of a prompt.
_FILLER, CUE_WORKS, CUE_FAILS = 6, 7, 8


def write_inhibition(folder: Path) -> Path:
    """Two letters: the first is wrong, the second is right, and one cue of two makes an inhibition head say which.

    a0.h0  attends from CUE_WORKS to position 0, from CUE_FAILS to the filler at position 2, and copies its "token" into
           "inhibited";
    a1.h1  attends to all letters alike but the one that is inhibited, and copies "token" to "output" with weight 2.
    a0.h1, a1.h0 and both MLPs have zero weights.

    After CUE_WORKS the right letter has the logit 2, and all others 0; after CUE_FAILS both letters have 1, unless the
    row of a0.h0 is put on position 0: then it is as after CUE_WORKS.
    """
    weights = _Weights(n_tokens=9, n_positions=4, n_layers=2, n_heads=2, blocks={"inhibited": 9})
    wanted = torch.zeros(9, 4)
    wanted[CUE_WORKS, 0] = wanted[CUE_FAILS, 2] = 1
    weights.attend(0, 0, "token", "position", wanted)
    weights.copy(0, 0, "token", "inhibited")
    others = torch.zeros(9, 9)
    others[:, :_FILLER] = 1
    weights.attend(1, 1, "inhibited", "token", others - torch.eye(9) * others)
    weights.copy(1, 1, "token", "output", weight=2)
    return weights.write(folder)


def inhibition_prompts(n: int, cues: tuple[int, ...], seed: int = 0) -> PromptSet:
    """At most 30 pairs of letters, with the cues in turn; the corrupt prompt exchanges the two letters.

    Roles: `wrong`, `right`, `filler`.
    """
    pairs, prompts = list(itertools.permutations(range(_FILLER), 2)), []
    random.Random(seed).shuffle(pairs)
    for (wrong, right), cue in itertools.islice(itertools.product(pairs, cues), n):
        end = (_FILLER, cue)
        roles = {"wrong": (0,), "right": (1,), "filler": (2,)}
        prompts.append(Prompt((wrong, right, *end), (right, wrong, *end), (right,), (wrong,), roles=roles))
    return PromptSet("inhibition", tuple(prompts))


# Planted sinks. Tokens 0..3 are letters, SINK + i a sink that says letter i three times as loud.
SINK, START, ASK = 4, 8, 9


def write_planted_sinks(folder: Path) -> Path:
    """Letters beside a token with a massive stream that says another letter, and a head that attends to all alike.

    The embedding writes 1000 into the block "massive" for START and for sinks, and for no other token: of 26
    dimensions, a sink's largest entry is sqrt(26) = 5.1 times its root mean square.
    a2.h0  attends to all positions alike, and copies what it sees to "output": a letter, START or ASK with weight 1, a
           sink's letter with weight 3. All other heads of the four layers, and the MLPs, have zero weights.

    The logits of letters, START and ASK are the row of a2.h0 at the end, three times that of the sink for its letter.
    """
    weights = _Weights(n_tokens=10, n_positions=5, n_layers=4, n_heads=2, blocks={"massive": 1})
    weights.tensors["embed.W_E"][SINK : START + 1, weights.block["massive"]] = 1000
    weights.copy(2, 0, "token", "output")
    value = weights.of(2, "attn.W_V")[0, weights.block["token"]]
    value[SINK:START] = 0
    value[SINK:START, :SINK] = 3 * torch.eye(SINK)
    return weights.write(folder)


def planted_sink_prompts(n: int = 12) -> PromptSet:
    """START, a letter, a sink that says another one, the letter again, ASK; corrupt: the two letters exchanged.

    Role `image`: the three tokens in between. The row of a2.h0 is .2 everywhere: the right letter has the logit .4, the
    wrong one .6.
    """
    prompts = []
    for right, wrong in itertools.islice(itertools.permutations(range(SINK), 2), n):
        clean, corrupt = ((START, a, SINK + b, a, ASK) for a, b in ((right, wrong), (wrong, right)))
        prompts.append(Prompt(clean, corrupt, (right,), (wrong,), roles={"image": (1, 2, 3)}))
    return PromptSet("planted sinks", tuple(prompts))


def write_averager(folder: Path) -> Path:
    """Two layers of random heads that attend to all positions alike, and no MLP: every effect is linear.

    No query or key is ever read, so edges into them have no effect, under any ablation.
    """
    n_tokens, n_positions = 7, 8
    weights = _Weights(n_tokens=n_tokens, n_positions=n_positions, n_layers=2, n_heads=2, blocks={})
    draw = torch.Generator().manual_seed(0)
    random_names = ("W_E", "W_pos", "W_U", "attn.W_V", "attn.b_V", "attn.W_O", "attn.b_O")
    for name, tensor in weights.tensors.items():
        if name.endswith(random_names):
            tensor.copy_(0.4 * torch.randn(tensor.shape, generator=draw))
    return weights.write(folder)


# Multiple choice. Tokens 0..3 are letters; then words as options; then the same words as what is asked for.
_N_LABELS, _N_WORDS = 4, 6
_CHOICE_LENGTH = 2 * _N_LABELS + 1


def write_choice(folder: Path) -> Path:
    """Which letter stands before the word that is asked for: L1 w1 L2 w2 L3 w3 L4 w4 ?w3 gives L3 the logit 2, and all
    others 0.

    a0.h0  attends from the end, ?w3, to the option w3, and copies the "position" found there into "where";
    a1.h1  its query is "where", its key the "position" one after its own: it attends to the letter before w3, and
           copies the "token" found there to "output" with weight 2.
    a0.h1  looks at the second line's letter, whichever is correct, and copies it into "scratch";
    a1.h0  looks at the correct letter as a1.h1 does, and copies it into "scratch", which nothing reads.
    Both MLPs have zero weights.

    True, with letters, words and question drawn anew for the corrupt prompt, which has another answer:
    input->a0.h0<q>, input->a0.h0<k>  another word is asked for, or it stands on another line;
    a0.h0->a1.h1<q>                   another line is looked at;
    input->a1.h1<v>                   another letter stands there;
    a1.h1->logits                     the corrupt answer is written.
    The value of a0.h0 and the key of a1.h1 read "position", which input alone writes.
    """
    n_tokens = _N_LABELS + 2 * _N_WORDS
    blocks = {"where": _CHOICE_LENGTH, "scratch": n_tokens}
    weights = _Weights(n_tokens=n_tokens, n_positions=_CHOICE_LENGTH, n_layers=2, n_heads=2, blocks=blocks)
    asked = torch.zeros(n_tokens, n_tokens)
    for word in range(_N_WORDS):
        asked[_N_LABELS + _N_WORDS + word, _N_LABELS + word] = 1
    weights.attend(0, 0, "token", "token", asked)
    weights.copy(0, 0, "position", "where")
    second = torch.zeros(_CHOICE_LENGTH, _CHOICE_LENGTH)
    second[-1, 2] = 1
    weights.attend(0, 1, "position", "position", second)
    weights.copy(0, 1, "token", "scratch")
    for index, target in ((0, "scratch"), (1, "output")):
        weights.attend(1, index, "where", "position", _one_before(_CHOICE_LENGTH))
        weights.copy(1, index, "token", target, weight=2)
    return weights.write(folder)


def choice_prompts(n: int = 36, seed: int = 0) -> PromptSet:
    """Letters in any order, four words, and one of them again; another question as the corrupt prompt.

    Roles as in the task `multiple-choice`. Each line is correct as often as any other.
    """
    draw, prompts = random.Random(seed), []

    def drawn(correct: int) -> tuple[tuple[int, ...], int]:
        """A prompt and its answer."""
        letters, words = draw.sample(range(_N_LABELS), _N_LABELS), draw.sample(range(_N_WORDS), _N_LABELS)
        lines = itertools.chain.from_iterable((a, _N_LABELS + w) for a, w in zip(letters, words, strict=True))
        return (*lines, _N_LABELS + _N_WORDS + words[correct]), letters[correct]

    while len(prompts) < n:
        correct = len(prompts) % _N_LABELS
        (clean, answer), (corrupt, other) = drawn(correct), drawn(draw.randrange(_N_LABELS))
        if answer == other:
            continue
        roles = {f"label_{letter}": (2 * line,) for line, letter in enumerate("ABCD")}
        roles |= {f"option_{letter}": (2 * line + 1,) for line, letter in enumerate("ABCD")}
        roles |= {"correct_label": (2 * correct,), "correct_option": (2 * correct + 1,)}
        wrong = tuple(letter for letter in range(_N_LABELS) if letter != answer)
        prompts.append(Prompt(clean, corrupt, (answer,), wrong, roles=roles))
    return PromptSet("choice", tuple(prompts))


PROGRAMS = {
    "detector": Program(
        write_detector,
        detector_prompts,
        true_edges=frozenset({"input->a0.h0<v>", "a0.h0->a1.h1<v>", "a1.h1->logits"}),
        position_edges=frozenset({"input->a0.h0<q>", "input->a0.h0<k>", "input->a1.h1<q>", "input->a1.h1<k>"}),
        working=frozenset({"a0.h0", "a1.h1"}),
    ),
    "induction": Program(
        write_induction,
        induction_prompts,
        true_edges=frozenset(
            {"input->a0.h0<v>", "a0.h0->a1.h1<k>", "input->a1.h1<q>", "input->a1.h1<v>", "a1.h1->logits"}
        ),
        position_edges=frozenset({"input->a0.h0<q>", "input->a0.h0<k>"}),
        working=frozenset({"a0.h0", "a1.h1"}),
    ),
    "two-step copy": Program(
        write_two_step_copy,
        two_step_copy_prompts,
        true_edges=frozenset({"input->a0.h1<v>", "a0.h1->a1.h0<v>", "a1.h0->logits"}),
        position_edges=frozenset({"input->a0.h1<q>", "input->a0.h1<k>", "input->a1.h0<q>", "input->a1.h0<k>"}),
        working=frozenset({"a0.h1", "a1.h0"}),
    ),
    "conjunction": Program(
        write_conjunction,
        conjunction_prompts,
        true_edges=frozenset({"input->a0.h0<v>", "input->a0.h1<v>", "a0.h0->m1", "a0.h1->m1", "m1->logits"}),
        position_edges=frozenset({"input->a0.h0<q>", "input->a0.h0<k>", "input->a0.h1<q>", "input->a0.h1<k>"}),
        working=frozenset({"a0.h0", "a0.h1", "m1"}),
    ),
    "choice": Program(
        write_choice,
        choice_prompts,
        true_edges=frozenset(
            {"input->a0.h0<q>", "input->a0.h0<k>", "a0.h0->a1.h1<q>", "input->a1.h1<v>", "a1.h1->logits"}
        ),
        position_edges=frozenset({"input->a0.h0<v>", "input->a1.h1<k>"}),
        working=frozenset({"a0.h0", "a1.h1"}),
    ),
}
