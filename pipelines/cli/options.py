"""Options that several commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str | None, typer.Option(help="Bundled name, Hugging Face id or folder. [reference]")]
Method = Annotated[str | None, typer.Option(help="How components or edges are scored (`circuits methods`). [eap]")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of the method, KEY=VALUE; repeat for more (`circuits methods NAME`)."),
]
Metric = Annotated[str | None, typer.Option(help="What is read from the logits. [logit-difference]")]
Ablation = Annotated[str | None, typer.Option(help="What replaces ablated activations (`circuits methods`). [corrupt]")]
Noise = Annotated[
    float | None,
    typer.Option(help="Ablations noise, image-noise: size in standard deviations of embeddings or pixels. [3]"),
]
NoiseAt = Annotated[str | None, typer.Option(help="Ablation noise: only on the embeddings of this role. [all]")]
Schedule = Annotated[
    str | None, typer.Option(help="Ablation image-noise: additive, or diffusion (pixels keep their variance).")
]
Images = Annotated[Path | None, typer.Option(help="Folder of the images that prompts ask about.")]
Annotations = Annotated[Path | None, typer.Option(help="Where the objects are in the images: COCO's instances_*.json.")]
Prompts = Annotated[int | None, typer.Option(help="How many prompts. [64; all of a file]")]
Seed = Annotated[int | None, typer.Option(help="Seed for drawing the prompts. [0]")]
Corruption = Annotated[str | None, typer.Option(help="How prompts are corrupted (`circuits tasks`).")]
Position = Annotated[str | None, typer.Option(help="Component methods: read scores at this role or position.")]
Dtype = Annotated[str | None, typer.Option(help="float32 or bfloat16. [float32]")]
PromptsPerJob = Annotated[int | None, typer.Option(help="Prompts per unit of work. [16]")]
Workers = Annotated[int | None, typer.Option(help="Run on N local processes.")]
Scheduler = Annotated[str | None, typer.Option(help="Run on the Dask cluster at this address.")]
Gpus = Annotated[bool | None, typer.Option("--gpus", help="Run one process per visible GPU.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, ... [cpu]")]
Truth = Annotated[str | None, typer.Option(help="Known circuit: JSON file, a run, or ioi, greater-than, docstring.")]
Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]
Runs = Annotated[Path, typer.Option("--runs", help="Store in which runs are looked up by name.")]
