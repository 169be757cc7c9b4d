"""The figure of transfer beside overlap says every number that it has, and what is missing."""

import numpy as np

from graphs.figures.transfer import TransferTable, draw_transfer, transfer_figure_bytes


def table(**changes: object) -> TransferTable:
    transfer = np.array([[0.87, -0.03], [0.0, 1.31]])
    given = {
        "names": ("ioi", "colored-objects"),
        "transfer": transfer,
        "low": transfer - 0.05,
        "high": transfer + 0.05,
        "overlap": np.array([[1.0, 0.07], [0.07, 1.0]]),
        "overlap_low": np.array([[np.nan, 0.04], [0.04, np.nan]]),
        "overlap_high": np.array([[np.nan, 0.11], [0.11, np.nan]]),
        "subtitle": "reference, eap-ig, 32 prompts",
    }
    return TransferTable(**given | changes)  # pyright: ignore[reportArgumentType]


def test_it_shows_transfer_with_intervals_beside_overlap():
    svg = transfer_figure_bytes(table(), "svg").decode()
    for text in ("0.87", "[0.82, 0.92]", "−0.03", "1.31", "0.07", "reference, eap-ig, 32 prompts", "objects"):
        assert f">{text}<" in svg
    assert svg.count(">[0.04, 0.11]<") == 2
    assert svg.count("[") - svg.count("<![CDATA[") == svg.count("]") - svg.count("]]>") == 4 + 2 + 1
    assert "Colors end at 1; a white corner marks what lies beyond." in svg
    assert "Colors end" not in transfer_figure_bytes(table(transfer=np.eye(2)), "svg").decode()


def test_what_is_not_known_is_a_dash():
    unknown = np.full((2, 2), np.nan)
    svg = transfer_figure_bytes(table(low=unknown, high=unknown), "svg").decode()
    assert svg.count(">[-]<") == 4
    assert transfer_figure_bytes(table(transfer=unknown), "svg").decode().count(">-<") == 4


def test_the_same_table_gives_the_same_bytes():
    assert transfer_figure_bytes(table(), "pdf") == transfer_figure_bytes(table(), "pdf")


def test_every_cell_beyond_the_colors_has_a_corner():
    from matplotlib.patches import Polygon

    def corners(values: list[list[float]]) -> list[Polygon]:
        figure = draw_transfer(table(transfer=np.array(values)))
        return [patch for patch in figure.axes[0].patches if isinstance(patch, Polygon) and len(patch.get_xy()) == 4]

    assert len(corners([[0.87, -1.0], [1.0, np.nan]])) == 0
    assert len(corners([[0.87, -1.2], [1.02, 2.41]])) == 3
