"""Job: one unit of a run, and the key that its result is stored under.

The key is a hash of everything that changes the result (stage, version of the stage's code, settings, keys of the jobs
it reads) and of nothing else: not the device, the number of workers or the folder.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from circuits.cached import cached_property
from pipelines.engine.result_file import canonical_json
from pipelines.engine.stage import Stage


@dataclass(frozen=True)
class Job:
    """One unit of a run: seconds to minutes of work, one file in the store.

    stage     the function that computes it
    settings  what to do, as JSON values; enters the key
    inputs    name -> keys of the jobs whose results it reads, in order; enters the key
    locations where to find things whose content is already in the key: the model's spec, the prompt file
    after     keys of jobs that must be done first, but whose results it does not read
    weight    about how many forward passes of one prompt it takes, for estimates of the time left
    is_apart  whether that is not known: its weight then compares with those of the same stage alone
    """

    stage: Stage
    settings: Mapping[str, Any]
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    weight: float = 1
    is_apart: bool = False

    @cached_property
    def key(self) -> str:
        """What the result is stored under."""
        text = canonical_json([self.stage.name, self.stage.version, self.settings, self.inputs])
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @property
    def waits_for(self) -> Iterator[str]:
        """Keys of the jobs that must be done before this one begins; some of them twice."""
        return chain(*self.inputs.values(), self.after)

    @property
    def label(self) -> str:
        """The job in a few words, for progress display and errors."""
        parts = [self.stage.title.format_map(self.settings) or self.stage.name]
        if "method" in self.settings:
            parts.append(str(self.settings["method"]["name"]))
        for name in ("slice", "part"):
            match self.settings.get(name):
                case [start, stop]:
                    parts.append(f"prompts {start}-{stop - 1}")
                case str(named):
                    parts.append(named)
        if "trials" in self.settings:
            start, stop = self.settings["trials"]
            parts.append(f"trials {start}-{stop - 1}")
        if "round" in self.settings:
            number, n_rounds = self.settings["round"]
            parts.append(f"{number} of {n_rounds}")
        return " ".join(parts)


def keys_of(jobs: Iterable[Job]) -> tuple[str, ...]:
    """The keys of jobs, for use as another job's inputs."""
    return tuple(job.key for job in jobs)


def new_run() -> str:
    """A name for one call that computes jobs, unlike that of any other."""
    return f"circuits-{uuid.uuid4().hex}"


def short_digest(content: object) -> str:
    """Eight characters for the name of a folder: the same for the same content, such as keys of jobs."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:8]
