"""How much is run at once, from the memory there is: the rules that runs follow and forecasts compute with. No torch.

What follows is bounded by `numbers`, those that the largest intermediate of any work may hold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import psutil

# Prompts of a batch, at most.
PROMPTS_AT_ONCE = 64
# Tokens per stacked batch: enough to keep the matrix products busy, few enough to stay near the caches.
TOKENS_AT_ONCE = {"cpu": 2048, "cuda": 65536}
# Numbers of an intermediate on the CPU, at most: 128 MB in float32.
_MAX_ELEMENTS = 32_000_000
# The share of the free memory that one such intermediate may take.
_SHARE_AT_ONCE = 1 / 32
_BYTES_OF_A_NUMBER = 4
# On the CPU, the writers' outputs are held up to this many numbers at once, or for this share of a batch's prompts, if
# more; on a GPU, as many as there is memory for: each chunk costs the start of hundreds of small kernels.
_WRITER_ELEMENTS, _SHARE_OF_BATCH = 2_000_000, 1 / 8
# On the CPU, circuits of a search are run side by side up to this many numbers of one intermediate: 16 times as many
# take 4 to 5 times the memory, and the time of a fifth more or less.
_CIRCUIT_ELEMENTS = 2_000_000
# Gradients at the readers of a layer are held up to this many numbers at once, or for a few readers, if more. Fixed, so
# that the memory there is never decides how they are split; fewer rows than these, and products round differently.
_READER_ELEMENTS = {"cpu": 8_000_000, "cuda": 64_000_000}
_FEWEST_READERS = 4
# Where control groups write what a process may use and uses: the second version's files, and the first one's.
_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory.stat")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.stat"),
    ),
)


def free_memory() -> int:
    """Bytes of main memory that may still be taken: what the machine has free, or what is left of a control group's
    limit, if that is less."""
    return min([psutil.virtual_memory().available, *(left for files in _LIMITS if (left := _left(*files)) is not None)])


def _left(limit: Path, used: Path, details: Path) -> int | None:
    """What a control group leaves; None where there is none, or no limit. Files that it caches can be dropped."""
    try:
        most = limit.read_text().strip()
        if most == "max":
            return None
        lines = dict(line.split() for line in details.read_text().splitlines())
        cached = int(lines.get("inactive_file", lines.get("total_inactive_file", 0)))
        return max(0, int(most) - int(used.read_text()) + cached)
    except (OSError, ValueError):
        return None


def numbers_on_cpu(n_free: int) -> int:
    """How many numbers an intermediate may hold where so many bytes are free: as many everywhere, and halved where
    they are not there, so that a little more or less of it changes nothing."""
    numbers = _MAX_ELEMENTS
    while numbers > 1 and numbers * _BYTES_OF_A_NUMBER > n_free * _SHARE_AT_ONCE:
        numbers //= 2
    return numbers


def numbers_on_gpu(n_free: int, width: int) -> int:
    """The same on a GPU, of `width` bytes each: rounded down to a power of two, so that a little more or less of it
    does not change how sums are split, and with that their last bits."""
    return 2 ** int(math.log2(max(1, n_free * _SHARE_AT_ONCE / width)))


def recorded_at_once(numbers: int, n_positions: int, n_layers: int, d_model: int) -> int:
    """How many prompts to record at once, clean and corrupt."""
    return max(1, 16 * numbers // (2 * 8 * n_positions * n_layers * d_model))


def tokens_with_gradients(numbers: int, n_layer_weights: int, d_model: int) -> int:
    """How many tokens to run at once with what a backward pass needs of them: per token and layer about three numbers
    for every row of its weights."""
    return 8 * numbers // (3 * n_layer_weights // d_model)


def with_writers_at_once(numbers: int, n_writers: int, n_positions: int, d_model: int) -> int:
    """For how many prompts every writer's output [prompt, writer, position, d_model] may be held."""
    return max(1, min(PROMPTS_AT_ONCE, numbers // (n_writers * n_positions * d_model)))


def written_at_once(numbers: int, n_prompts: int, numbers_per_prompt: int, device: str) -> int:
    """For how many of a batch's prompts the writers' outputs are held while edges are scored."""
    many = numbers // numbers_per_prompt
    few = max(_WRITER_ELEMENTS // numbers_per_prompt, round(n_prompts * _SHARE_OF_BATCH))
    return max(1, min(many, few) if device == "cpu" else many)


def circuits_at_once(numbers: int, numbers_per_circuit: int, device: str) -> int:
    """How many circuits of a search are run side by side."""
    return max(1, (min(numbers, _CIRCUIT_ELEMENTS) if device == "cpu" else numbers) // numbers_per_circuit)


def reader_chunks(n_readers: int, numbers_per_reader: int, device: str) -> Iterator[slice]:
    """The readers of a layer in as few even parts as hold no more numbers than the device is given, or few readers."""
    most = max(1, _READER_ELEMENTS.get(device, _READER_ELEMENTS["cpu"]) // numbers_per_reader)
    n_parts = min(-(-n_readers // most), max(1, n_readers // _FEWEST_READERS))
    return (slice(n_readers * part // n_parts, n_readers * (part + 1) // n_parts) for part in range(n_parts))
