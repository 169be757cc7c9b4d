"""`circuits clean`: what is said before results are removed."""

from __future__ import annotations

from pathlib import Path

from pipelines.runs.unused import LEFT_ALONE_S, Unused

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def said(unused: Unused, folder: Path, *, dry_run: bool) -> str:
    """How much is removed and how much stays, in lines."""
    does = "would remove" if dry_run else "removing"
    young = f" ({unused.n_young:,} of them unused, but younger than {LEFT_ALONE_S // 60} minutes)"
    lines = [
        f"{folder}: {does} {unused.n_results:,} results that no run and no report refers to, and what belongs to them: "
        f"{len(unused.files):,} files, {size(unused.size_bytes)}. {unused.n_kept:,} results "
        f"stay{young if unused.n_young else ''}."
    ]
    if unused.silent:
        names = ", ".join(path.name for path in unused.silent)
        lines.append(
            f"{len(unused.silent)} reports of an earlier version do not say which results they use ({names}). "
            "Their files stay; the command that made one computes again what is removed, and notes it."
        )
    return "".join(f"{line}\n" for line in lines)


def size(n_bytes: int) -> str:
    """`12 bytes`, `3.4 MB`."""
    value, unit = float(n_bytes), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit else f"{n_bytes} {_UNITS[0]}"
