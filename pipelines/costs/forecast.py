"""Peak memory of a job: what a method holds at its worst moment, from the shape of the model and the prompts.

Batches are those that the run itself makes (`circuits.model.room`), so a forecast knows how many prompts come together.
Prompts count as different from their first token on: pairs that share a beginning need less. Where a method goes
through phases, the largest of them counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from circuits.data.prompts import END
from circuits.effects.shared_starts import MOST_HELD
from circuits.evaluation.budgets import BUDGETS
from circuits.kinds import KINDS
from circuits.methods.path_stages import stages_from
from circuits.model import room
from circuits.scores import ALL_POSITIONS
from pipelines.costs.memory import (
    WIDTHS,
    edge_scores,
    gradient_run,
    gradients_of_readers,
    outputs_of_writers,
    recorded_runs,
    values_for_edges,
    weights,
)
from pipelines.costs.shape import Shape
from pipelines.costs.work import N_CIRCUITS

# On the CPU: Python with torch, transformers and transformer-lens, and what the first run of a model allocates.
PROCESS, FIRST_RUN = 530e6, 20e6
# Pages that the C library's allocator holds for every page in use, where large and small tensors come and go.
_PAGES_PER_PAGE = 1.35
# Copies of all writers' outputs at once: of a circuit that runs, and where methods hold and change them.
_OF_CIRCUIT, _OF_CHANGES = 2.35, 2
# Of a search's circuits, copies of what each port of a layer reads: its sums over known and over later writers, both
# together, with the ablated stream, and normed; counted in a run.
_OF_PORTS = 4.5
# Intermediates that circuits' batches may fill together.
_BATCHES_TOGETHER = 2
# Circuits that are run to choose one; those of a curve, by signed scores and by magnitudes, but for the whole model.
_CIRCUITS = {"choose": N_CIRCUITS, "curve": 2 * (len(BUDGETS) - 1), "judge": 1}
# Circuits of several tasks, and those made and drawn of them, that share no beginning: more than run together.
_OF_TASKS = 200
# Copies of a layer's gradients at readers while they are carried back.
_OF_READERS = 3
# Of a direct effect, copies of the final stream of the variants that are stacked: what changes, changed, and normed.
_OF_FINALS = 4
# What the backward pass through a circuit keeps of a layer: each reader's stream as it is read, summed up and normed;
# the sums of MLP and heads over all writers before them.
_OF_STREAMS, _OF_SUMS = 3, 2
# Weights of an autoencoder while it is trained: itself, its gradients, two means of Adam, and as many in between.
_OF_TRAINING = 8
# Trials whose codes are made in a job (`circuits.methods.head_code_stages`).
TRIALS_OF_A_JOB = 2
# Of given autoencoders, whose number the settings do not say: as many trials as are trained by default.
_TRIALS = 10
# Copies of scores: as they are measured, read again and kept; of pairs of codes, in double precision first.
_OF_READ_SCORES, _OF_CODES = 3, 5
# Bytes of an edge in a file of EAP-IG, as text and as it is read.
_OF_EDGE_IN_FILE = 900
# Numbers that are sorted at once to count pairs of codes (`circuits.head_codes.counting`), and bytes held for each.
_SORTED_AT_ONCE, _OF_SORTING = 2_000_000, 40


class Budget(NamedTuple):
    """How much a model runs at once on a device (`circuits.model.room`).

    numbers  those of the largest intermediate
    tokens   those that are stacked
    """

    device: str
    numbers: int
    tokens: int

    @classmethod
    def of_cpu(cls, n_free: float) -> Budget:
        """That of a CPU with so many bytes free beside the weights."""
        return cls("cpu", room.numbers_on_cpu(int(n_free)), room.TOKENS_AT_ONCE["cpu"])


class Asked(NamedTuple):
    """What a job measures: prompts of a length, on a model; `n_roles` are the roles that their tokens have."""

    shape: Shape
    n_prompts: int
    n_tokens: int
    dtype: str
    budget: Budget
    n_roles: int = 1

    @property
    def _per_layer(self) -> int:
        return self.shape.per_layer * self.shape.n_layers

    @property
    def recorded(self) -> int:
        """Prompts of a batch of recorded runs."""
        of_room = room.recorded_at_once(self.budget.numbers, self.n_tokens, self.shape.n_layers, self.shape.d_model)
        return min(self.n_prompts, room.PROMPTS_AT_ONCE, of_room)

    def with_gradients(self, n_points: int = 1) -> int:
        """Prompts of a batch whose gradients are taken at so many points each."""
        return max(1, min(self.recorded, self.tokens_with_gradients // (self.n_tokens * n_points)))

    @property
    def tokens_with_gradients(self) -> int:
        return room.tokens_with_gradients(self.budget.numbers, self._per_layer, self.shape.d_model)

    @property
    def with_writers(self) -> int:
        """Prompts of a batch for which all writers' outputs are held."""
        of_room = room.with_writers_at_once(
            self.budget.numbers, self.shape.n_writers, self.n_tokens, self.shape.d_model
        )
        return min(self.recorded, of_room)

    def tokens_of(self, batch: int) -> int:
        return batch * self.n_tokens


class Peak(NamedTuple):
    """Prompts of a batch, and the bytes that a job holds beyond the model when it holds most."""

    batch: int
    n_bytes: float


Rule = Callable[[Asked, Mapping[str, Any]], Peak]


def recorded(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and the logits of the whole vocabulary that accuracy is read from."""
    batch = asked.recorded
    logits = 3 * batch * asked.shape.n_vocabulary * WIDTHS["float32"]
    return Peak(batch, recorded_runs(asked.shape, asked.tokens_of(batch), asked.dtype) + logits)


def edges_from_gradients(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Recording the second run; or the run with gradients; or edges as products of these with writers' outputs."""
    n_points = int(settings.get("steps", 1))
    batch = asked.with_gradients(n_points)
    return Peak(batch, _from_gradients(asked, batch, n_points) + _all_scores(asked))


def edges_from_activations(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Likewise, with all writers' outputs of the batch held besides, and their changes."""
    n_points = int(settings["steps"])
    batch = asked.with_gradients(n_points)
    tokens = asked.tokens_of(batch)
    held = _OF_CHANGES * outputs_of_writers(asked.shape, tokens)
    return Peak(batch, _from_gradients(asked, batch, n_points) + held + _all_scores(asked))


def attribution_of_components(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, those with gradients, and what heads and MLPs have as gradients with each layer dropped in turn."""
    batch, shape = asked.with_gradients(), asked.shape
    tokens = asked.tokens_of(batch)
    n_ways = shape.n_layers if settings.get("grad_drop", True) and shape.n_layers > 1 else 1
    at_once = min(n_ways, max(1, asked.tokens_with_gradients // tokens))
    run = at_once * gradient_run(shape, tokens, asked.dtype)
    # Those of each part are there beside the whole that they are joined into.
    gradients = 2 * n_ways * values_for_edges(shape, tokens, asked.dtype)
    return Peak(batch, recorded_runs(shape, tokens, asked.dtype) + max(run, gradients))


def patched(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and a layer of the variants that are stacked: those of its parts that are patched, of some kinds."""
    return _stacking(asked, n_alike(asked.shape, settings["kinds"]))


def direct_effects(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and the final streams, where answers are read, of the variants that are stacked."""
    batch, shape = asked.recorded, asked.shape
    n_variants = shape.n_layers * sum(_n_in_layer(shape, kind) for kind in settings["kinds"])
    rows = min(n_variants * batch, max(asked.budget.tokens, batch))
    finals = _OF_FINALS * rows * shape.d_model * WIDTHS[asked.dtype]
    return Peak(batch, recorded_runs(shape, asked.tokens_of(batch), asked.dtype) + finals)


def paths(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and a layer of what carries on from the heads of one, each of which is a variant. Where they are
    patched at END, only that position is run."""
    return _stacking(asked, asked.shape.n_heads, asked.n_tokens if is_patched_everywhere(settings) else 1)


def exact_edges(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, all writers' outputs and their changes, and a layer of the variants that are stacked."""
    batch = asked.with_writers
    tokens = asked.tokens_of(batch)
    held = recorded_runs(asked.shape, tokens, asked.dtype) + _OF_CHANGES * outputs_of_writers(asked.shape, tokens)
    # Where edges are named, those into a layer that come from one writer are there at least.
    shape, named = asked.shape, len(settings["edges"])
    n_variants = named + shape.n_heads + 2 * shape.n_kv_heads if named else shape.wiring.n_edges
    return Peak(batch, held + _stacked(asked, tokens, n_variants) + _all_scores(asked))


def conductance(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Edges from gradients, with what heads and MLPs give at every point held besides, and what they move by."""
    n_points = int(settings["steps"])
    batch = asked.with_gradients(n_points)
    moved = values_for_edges(asked.shape, n_points * asked.tokens_of(batch), asked.dtype)
    return Peak(batch, _from_gradients(asked, batch, n_points) + moved + _all_scores(asked))


def dropped_edges(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs of all prompts, the writers' outputs, and those of the circuits that are run side by side, with what a
    layer reads in each: at the layer from which on they hold most."""
    shape, batch = asked.shape, asked.with_writers
    of_writer, n_ports = asked.tokens_of(batch) * shape.d_model, shape.n_heads + 2 * shape.n_kv_heads
    most = 0.0
    for n_layers in range(1, shape.n_layers + 1):
        n_writers = n_layers * (shape.n_heads + 1)
        of_circuit = of_writer * max(n_writers, shape.wiring.readers_per_layer)
        n_circuits = room.circuits_at_once(asked.budget.numbers, of_circuit, asked.budget.device)
        most = max(most, n_circuits * of_writer * (n_writers + 1 + _OF_PORTS * n_ports))
    held = recorded_runs(shape, asked.tokens_of(asked.n_prompts), asked.dtype) + outputs_of_writers(
        shape, asked.tokens_of(batch)
    )
    return Peak(batch, held + most * WIDTHS["float32"] + _all_scores(asked))


def learned_mask(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs of all prompts, and what the backward pass through a circuit keeps of those of a step; or the estimate
    that it starts from, of five points as `eap-ig` has by default."""
    shape = asked.shape
    batch = min(asked.recorded, int(settings["prompts_per_step"]))
    writers = range(0, shape.n_layers * (shape.n_heads + 1), shape.n_heads + 1)
    sums = _OF_SUMS * sum(1 + before for before in writers) + shape.n_writers
    streams = shape.n_layers * (_OF_STREAMS * shape.wiring.readers_per_layer + shape.n_heads + 1)
    tokens = asked.tokens_of(batch)
    kept = tokens * (sums + streams) * shape.d_model * WIDTHS["float32"] + gradient_run(shape, tokens, asked.dtype)
    learning = recorded_runs(shape, asked.tokens_of(asked.n_prompts), asked.dtype) + kept
    start = edges_from_gradients(asked, {"steps": 5}).n_bytes if settings["start"] is not None else 0.0
    return Peak(batch, max(start, learning) + _all_scores(asked))


def head_features(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """A layer of a run that is not kept, and the logits of the whole vocabulary that accuracy is read from."""
    batch = asked.recorded
    logits = 3 * batch * asked.shape.n_vocabulary * WIDTHS["float32"]
    return Peak(batch, _of_one_layer(asked, asked.tokens_of(batch)) + logits)


def autoencoders(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Heads' weights and values, those of the autoencoders of a job while they are trained, and the rows they learn,
    with each feature's values on them."""
    shape, coding = asked.shape, settings["coding"]
    first, stop = settings["trials"]
    n_groups = shape.n_layers if coding["scope"] == "layer" else 1
    n_rows = (stop - first) * min(coding["sae_prompts"], 2 * asked.n_prompts) * shape.n_layers * shape.n_heads
    weights_of = (stop - first) * n_groups * coding["recipe"]["features"] * 2 * shape.d_model
    # Those of one group alone are computed with at a time; the rows are there twice.
    values = n_rows // n_groups * coding["recipe"]["features"] * 4 // (stop - first)
    numbers = _OF_TRAINING * weights_of + 3 * n_rows * shape.d_model + values + _head_values(asked)
    return Peak(min(asked.n_prompts, coding["sae_prompts"]), numbers * WIDTHS["float32"])


def codes_of_heads(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Heads' weights and values, the autoencoders of a job, and a head's features on all prompts."""
    shape, coding = asked.shape, settings["coding"]
    n_features = coding["recipe"]["features"]
    n_groups = shape.n_layers if coding["scope"] == "layer" else 1
    numbers = TRIALS_OF_A_JOB * n_groups * n_features * 2 * shape.d_model + 4 * asked.n_prompts * n_features
    return Peak(2 * asked.n_prompts, (numbers + _head_values(asked)) * WIDTHS["float32"])


def staged_paths(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Those of path patching into what the last of the stages reads."""
    return paths(asked, as_paths(asked.shape, settings))


def staged_paths_into_others(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Likewise into the inputs that the stage did not ask for: keys and values, which are read at all positions, are
    always among them."""
    return paths(asked, as_paths(asked.shape, settings) | {"at": ALL_POSITIONS})


def scored_edges(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """The effects of all edges on all prompts, as they are read and as they are kept; of pairs of codes, those of the
    trials besides, in double precision first, and the numbers that are sorted."""
    shape, n_rows, sorting = asked.shape, asked.n_prompts, 0
    copies = _OF_READ_SCORES
    if "trials" in settings:
        n_pairs = (shape.n_layers * shape.n_heads) ** 2 // 2
        sorting = _OF_SORTING * min(2 * asked.n_prompts * n_pairs, _SORTED_AT_ONCE)
        n_rows, copies = n_rows + _n_trials(settings), _OF_CODES
    return Peak(asked.n_prompts, copies * n_rows * edge_scores(shape) + sorting)


def scored_heads(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """The scores of all heads on all prompts at every position that there is one for: of stages of paths one each and
    two more. With codes, the numbers that are sorted to count pairs."""
    shape = asked.shape
    n_heads, sorting = shape.n_layers * shape.n_heads, 0
    n_rows = len(settings.get("stages", ())) + 2
    if "trials" in settings:
        n_rows = _n_trials(settings)
        sorting = _OF_SORTING * min(2 * asked.n_prompts * n_heads**2 // 2, _SORTED_AT_ONCE)
    return Peak(asked.n_prompts, _OF_READ_SCORES * asked.n_prompts * n_rows * n_heads * WIDTHS["float32"] + sorting)


def circuit_in_file(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """A file's edges, as text and as they are read; it may have all that there are."""
    return Peak(asked.n_prompts, _OF_EDGE_IN_FILE * asked.shape.wiring.n_edges)


def as_paths(shape: Shape, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of path patching that are those of the last of some stages. Which heads a stage reads is not known
    before: they are taken to lie half-way through the model and three quarters."""
    stage = stages_from(settings["lines"])[-1]
    layers = sorted({shape.n_layers // 2, 3 * shape.n_layers // 4})
    read = tuple(f"a{layer}.h0<{port}>" for layer in layers for _, port in stage.read_from)
    how = {name: settings[name] for name in ("between", "freeze_mlps")}
    return {"receivers": read or stage.into, "at": stage.at, **how}


def n_alike(shape: Shape, kinds: Collection[str]) -> int:
    """Parts of a layer, of some kinds, that are patched in one stack: streams, what changes a position alone, and keys
    and values each have their own."""
    of_reach = [0, 0, 0]
    for name in kinds:
        kind = KINDS[name]
        of_reach[0 if kind.is_state else 1 if kind.is_per_token else 2] += _n_in_layer(shape, name)
    return max(1, *of_reach)


def is_patched_everywhere(settings: Mapping[str, Any]) -> bool:
    """Whether path patching may run more than one position of a prompt: all but END."""
    reads_elsewhere = any(name.endswith(("<k>", "<v>")) for name in settings["receivers"])
    return settings["at"] != END and (settings["at"] is not None or reads_elsewhere)


def _n_in_layer(shape: Shape, kind: str) -> int:
    counted = KINDS[kind].counted_by
    return 1 if counted is None else int(getattr(shape, counted))


def _n_trials(settings: Mapping[str, Any]) -> int:
    """Trials of codes; of given autoencoders, which the settings do not count, as many as are trained by default."""
    return int(settings["trials"] or _TRIALS)


def _head_values(asked: Asked) -> int:
    """Numbers of all heads' output weights, and of their values on positives and negatives, read twice."""
    shape = asked.shape
    return shape.n_layers * shape.n_heads * shape.d_head * (shape.d_model + 4 * asked.n_prompts)


def circuits(asked: Asked, settings: Mapping[str, Any], *, n_circuits: int) -> Peak:
    """Both runs, and the writers' outputs of the circuits that are stacked; batches that fit are run together."""
    batch, shape = asked.with_writers, asked.shape
    of_prompt = shape.n_writers * asked.n_tokens * shape.d_model
    n_together = min(asked.n_prompts, max(batch, _BATCHES_TOGETHER * asked.budget.numbers // of_prompt))
    tokens = asked.tokens_of(n_together)
    numbers = tokens * shape.d_model * max(shape.n_writers, shape.wiring.readers_per_layer)
    at_once = min(n_circuits, max(1, asked.budget.numbers // numbers))
    of_circuits = _OF_CIRCUIT * at_once * outputs_of_writers(shape, tokens)
    return Peak(n_together, recorded_runs(shape, tokens, asked.dtype) + of_circuits)


def resumed_circuits(asked: Asked, *, n_circuits: int) -> Peak:
    """Circuits of which some are resumed where they differ from others: what all writers add in these is held as
    well."""
    found = circuits(asked, {}, n_circuits=n_circuits)
    held = MOST_HELD * outputs_of_writers(asked.shape, asked.tokens_of(found.batch))
    return found._replace(n_bytes=found.n_bytes + held)


def random_circuits(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """As many circuits as are drawn, of each size that is asked for. They share no beginning."""
    return circuits(asked, settings, n_circuits=settings["n"] * len(settings.get("sizes", (1,))))


def circuits_of_hypotheses(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Those that share no beginning: random circuits, the model without them, and the circuit with a path."""
    return resumed_circuits(asked, n_circuits=4 * settings["draws"])


def knocked_out_circuits(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """One circuit at a time, as each is resumed where it differs from another. A gradient holds no more."""
    return resumed_circuits(asked, n_circuits=1)


def circuits_of_tasks(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """As many circuits as run together: those of other tasks, and those made and drawn of them, are many."""
    return resumed_circuits(asked, n_circuits=_OF_TASKS)


def component_circuits(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and a layer of the circuits of components that are stacked."""
    return _stacking(asked, _CIRCUITS["curve"])


def _from_gradients(asked: Asked, batch: int, n_points: int) -> float:
    shape, dtype, tokens = asked.shape, asked.dtype, asked.tokens_of(batch)
    kept = values_for_edges(shape, tokens, dtype)
    while_recorded = kept + recorded_runs(shape, tokens, dtype) / 2
    with_gradients = kept + gradient_run(shape, n_points * tokens, dtype)
    scored = kept + gradients_of_readers(shape, n_points * tokens, dtype) + _of_a_layer(asked, batch)
    return max(while_recorded, with_gradients, scored) + batch * edge_scores(shape)


def _of_a_layer(asked: Asked, batch: int) -> float:
    """Outputs of all writers, and gradients at the readers of a layer, for as many prompts as they are held for."""
    shape, device = asked.shape, asked.budget.device
    numbers = shape.n_writers * asked.n_tokens * shape.d_model
    n_prompts = min(batch, room.written_at_once(asked.budget.numbers, batch, numbers, device))
    of_one = n_prompts * asked.n_tokens * shape.d_model
    readers = next(room.reader_chunks(shape.n_heads + 2 * shape.n_kv_heads, of_one, device))
    of_readers = _OF_READERS * (readers.stop - readers.start) * of_one * WIDTHS["float32"]
    return outputs_of_writers(shape, n_prompts * asked.n_tokens) + of_readers


def _stacking(asked: Asked, n_variants: int, n_positions: int | None = None) -> Peak:
    """Both runs, and a layer of so many variants, or of those that are stacked; of all positions or some."""
    batch = asked.recorded
    runs = recorded_runs(asked.shape, asked.tokens_of(batch), asked.dtype)
    return Peak(batch, runs + _stacked(asked, batch * (n_positions or asked.n_tokens), n_variants))


def _stacked(asked: Asked, tokens: int, n_variants: int) -> float:
    """Bytes of what a layer makes of so many variants of these tokens, or of those that are stacked."""
    return _of_one_layer(asked, min(n_variants * tokens, max(asked.budget.tokens, tokens)))


def _of_one_layer(asked: Asked, tokens: int) -> float:
    """Bytes of what a layer makes of tokens: two MLP's hidden values, and all else once."""
    return tokens * (2 * asked.shape.d_mlp + asked.shape.numbers_per_token) * WIDTHS[asked.dtype]


def _all_scores(asked: Asked) -> float:
    """Bytes of the scores of all prompts of a job."""
    return asked.n_prompts * edge_scores(asked.shape)


def _of_circuits(stage: str) -> Rule:
    return lambda asked, settings: circuits(asked, settings, n_circuits=_CIRCUITS[stage])


# Of methods that measure at once, by their names.
METHODS_FORECAST: Mapping[str, Rule] = {
    "eap": edges_from_gradients,
    "eap-ig": edges_from_gradients,
    "clean-corrupt": edges_from_gradients,
    "relp": edges_from_gradients,
    "eap-ig-activations": edges_from_activations,
    "activation-patching": patched,
    "atp-star": attribution_of_components,
    "exact-edges": exact_edges,
    "causal-tracing": patched,
    "path-patching": paths,
    "direct-effect": direct_effects,
    "ceap": conductance,
    "acdc": dropped_edges,
    "mask-learning": learned_mask,
    "random": scored_edges,
}
# Of stages by their names, without the numbers that those of paths have.
STAGES_FORECAST: Mapping[str, Rule] = {
    "baseline": recorded,
    "reference": recorded,
    "trace": patched,
    "trace-positions": patched,
    "features": head_features,
    "autoencoders": autoencoders,
    "codes": codes_of_heads,
    "circuit-file": circuit_in_file,
    "staged-paths": staged_paths,
    "staged-paths-others": staged_paths_into_others,
    **{stage: _of_circuits(stage) for stage in _CIRCUITS},
    "search-knockouts": knocked_out_circuits,
    "knockouts": knocked_out_circuits,
    "random-circuits": random_circuits,
    "random-curve": random_circuits,
    "hypothesis-runs": circuits_of_hypotheses,
    "node-curve": component_circuits,
    "transfer": circuits_of_tasks,
}

# What gives the scores of methods that measure in several stages (`Method.scored_in`), and what forecasts it, by what
# is scored.
SCORES_OF_STAGES = ("staged-paths-scores", "code-scores", "file-scores")
SCORES_FORECAST: Mapping[str, Rule] = {"edges": scored_edges, "components": scored_heads}

_NUMBER = re.compile("-[0-9]+")


def without_number(stage: str) -> str:
    """What a stage is called without its number, as in `staged-paths-2-others`."""
    return _NUMBER.sub("", stage)


def peak(rule: Rule, asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """What a job holds beyond the loaded model; on the CPU with what the allocator holds and the first run takes."""
    found = rule(asked, settings)
    if asked.budget.device != "cpu":
        return found
    return found._replace(n_bytes=_PAGES_PER_PAGE * found.n_bytes + FIRST_RUN)


def loaded(shape: Shape, dtype: str, device: str) -> float:
    """Bytes of a process with the model loaded: its weights, and those of attention once more, in the order in which
    runs read them; on a GPU the bytes there, without the process itself."""
    copies = shape.n_layers * (shape.in_attention + shape.out_of_attention) * WIDTHS[dtype]
    return weights(shape, dtype) + copies + (PROCESS if device == "cpu" else 0)
