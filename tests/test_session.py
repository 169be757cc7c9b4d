"""How a session of tests runs."""

from __future__ import annotations

import gc


def test_garbage_is_looked_for_rarely_and_only_among_what_tests_leave():
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[0] >= 10_000
