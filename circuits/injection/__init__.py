"""Intermediate representation injection: early layers' outputs, added again to later ones at the last token (IRI).

Source: Li et al., AAAI-26, arXiv 2511.05923.

    settings.py   Injection: sources, targets and strengths                intervene.py  on the model, or as a tap
    answers.py    yes-no questions under interventions, and their scores  search.py     strengths on a validation split
    ablations.py  one injection with a choice undone at a time            captions.py   captions, and time per token
    chair.py      objects that captions name and that are not there       threshold.py  saying no more often, a control
    shares.py     hits out of tries                                        last_position.py  the token that is changed
"""

from __future__ import annotations
