"""Small annotations as COCO writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TRIANGLE = [[0.0, 0.0, 9.0, 0.0, 0.0, 9.0]]


def instances() -> dict[str, Any]:
    """Two images of one cat and two dogs; the ids are in no order, and one image shows nothing."""
    return {
        "images": [
            {"id": 7, "file_name": "000000000007.jpg", "width": 20, "height": 10},
            {"id": 3, "file_name": "000000000003.jpg", "width": 16, "height": 16},
            {"id": 5, "file_name": "000000000005.jpg", "width": 16, "height": 16},
        ],
        "annotations": [
            {"id": 11, "image_id": 3, "category_id": 2, "bbox": [1, 2, 3, 4], "segmentation": TRIANGLE},
            {"id": 12, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "segmentation": []},
            {"id": 13, "image_id": 3, "category_id": 9, "bbox": [5, 5, 2, 2]},
            {
                "id": 14,
                "image_id": 3,
                "category_id": 2,
                "bbox": [0, 0, 16, 16],
                "iscrowd": 1,
                "segmentation": {"counts": [200, 56], "size": [16, 16]},
            },
        ],
        "categories": [{"id": 9, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 4, "name": "apple"}],
    }


def written(folder: Path, data: Any) -> Path:
    path = folder / "instances_val2017.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path
