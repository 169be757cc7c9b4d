"""Sinks, dormancy, peaks and secondary sinks, on patterns and streams worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.profiles import Dormant, ResidualPeak, SecondarySinks, Sinks, contrast, measure_profiles
from circuits.profiles.contrast import difference
from circuits.profiles.secondary_sinks import life_of
from tests.circuits.profiles.by_hand import by_place, seen
from tests.conftest import random_prompts

ROWS = [[1, 0, 0, 0], [1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]]


def test_only_positions_that_enough_tokens_can_see_may_be_sinks():
    every, two = Sinks(queries=1), Sinks(queries=2)
    of = seen(ROWS, every, two)  # received: .6875, .25, .125, .25
    assert by_place(every, of) == {"0": 1, "1": 0, "2": 0, "3": 0}
    assert by_place(two, of) == {"0": 1, "1": 0, "2": 0}
    low = Sinks(over=0.2, queries=1)
    assert by_place(low, seen(ROWS, low)) == {"0": 1, "1": 1, "2": 0, "3": 1}


def test_a_head_that_attends_to_its_own_token_has_no_sink_where_enough_tokens_count():
    own = torch.eye(64)
    counted = by_place(Sinks(), seen(own, Sinks()))
    assert list(counted) == [str(position) for position in range(49)]  # the last is seen by 16
    assert set(counted.values()) == {0}
    trap = by_place(Sinks(queries=1), seen(own, Sinks(queries=1)))
    assert [place for place, value in trap.items() if value] == ["61", "62", "63"]  # 1/3, 1/2 and 1


def test_shorter_prompts_are_not_measured_at_positions_that_they_lack(family_model):
    model, lengths = family_model("gpt2"), (20, 24)
    prompts = PromptSet("two lengths", tuple(random_prompts(1, length=n).prompts[0] for n in lengths))
    (scores,) = measure_profiles(model, prompts, [Sinks()])
    assert scores.positions == tuple(map(str, range(9)))
    assert [of.any(-1).sum() for of in scores.measured] == [len(prompt) - 15 for prompt in prompts]


def test_dormant_rests_on_the_first_token_by_domain():
    """Keys: the first token has score 5, the previous one 10 where the query is a trigger, all others 0."""
    n, triggers = 8, (5, 7)
    scores = torch.zeros(n, n)
    scores[:, 0] = 5
    for query in triggers:
        scores[query, query - 1] = 10
    pattern = scores.masked_fill(~torch.ones(n, n, dtype=torch.bool).tril(), -torch.inf).softmax(-1)
    profile = Dormant(by="*trigger")
    others = tuple(query for query in range(n) if query not in triggers)
    found = by_place(profile, seen(pattern, profile, trigger=triggers, no_trigger=others))
    resting = [math.exp(5) / (math.exp(5) + query) for query in (4, 6)]  # the first four queries do not count
    awake = [math.exp(5) / (math.exp(5) + math.exp(10) + query - 1) for query in triggers]
    assert found["no_trigger"] == pytest.approx(np.mean(resting), rel=1e-5)
    assert found["trigger"] == pytest.approx(np.mean(awake), rel=1e-5)
    assert found["all"] == pytest.approx(np.mean(resting + awake), rel=1e-5)


def test_domains_are_measured_on_their_own_texts_and_compared(family_model):
    model = family_model("gpt2")
    texts = tuple(
        Prompt(p.clean, p.corrupt, p.answers, roles={("domain_prose", "domain_code")[number % 2]: tuple(range(len(p)))})
        for number, p in enumerate(random_prompts(8, length=12))
    )
    (scores,) = measure_profiles(model, PromptSet("texts", texts), [Dormant()])
    assert scores.positions == ("all", "domain_code", "domain_prose")
    np.testing.assert_array_equal(scores.measured[:, 1, 0], [False, True] * 4)
    np.testing.assert_allclose(scores.at("all").per_prompt[1::2], scores.at("domain_code").per_prompt[1::2])
    gap, interval = contrast(scores, "domain_code", "domain_prose")
    by_domain = scores.means[1:]
    np.testing.assert_allclose(gap, by_domain[0] - by_domain[1], rtol=1e-6)
    assert (interval.low <= gap).all()
    assert (gap <= interval.high).all()
    assert (interval.low < interval.high).all()
    back, _ = contrast(scores, "domain_prose", "domain_code")
    np.testing.assert_allclose(back, -gap)


@pytest.mark.parametrize(("n", "is_bounded"), [(5, False), (6, True)])
def test_a_handful_of_texts_bounds_no_difference(n, is_bounded):
    values = np.linspace(0, 1, 2 * n)[:, None]
    first = np.arange(2 * n)[:, None] < n
    found, interval = difference(np.where(first, values, np.nan), np.where(first, np.nan, values))
    assert found == pytest.approx([values[:n].mean() - values[n:].mean()])
    assert np.isfinite(interval.low).all() == np.isfinite(interval.high).all() == is_bounded


def test_places_of_the_same_prompts_are_compared_within_them(family_model):
    """Each prompt differs by the same between two places: whatever is drawn, so does the mean."""
    scores = measure_profiles(family_model("gpt2"), random_prompts(6, length=20), [Sinks()])[0]
    same = np.linspace(0, 1, 6, dtype=np.float32)[:, None, None] + np.array([0.25, 0])[:, None]
    of_two = type(scores)(
        scores.wiring,
        scores.components[:1],
        ("a", "b"),
        same,
        np.ones(same.shape, dtype=np.bool_),
        scores.provenance,
    )
    gap, interval = contrast(of_two, "a", "b")
    np.testing.assert_allclose([gap[0], interval.low[0], interval.high[0]], 0.25, atol=1e-6)


def streams(n_states: int, n_positions: int = 10, size: int = 20) -> torch.Tensor:
    """[state, position, d_model] of ones along a direction of each position's own."""
    return torch.eye(n_positions, size).expand(n_states, -1, -1).clone()


def read(profile: ResidualPeak | SecondarySinks, stream: torch.Tensor) -> dict[str, list[float]]:
    kept = torch.stack([profile.keep(state.unsqueeze(0)) for state in stream], dim=1)
    result = profile.read_states(kept)
    return dict(zip(profile.places(random_prompts(1)), result.values[0].tolist(), strict=True))


def planted(*, second: float) -> torch.Tensor:
    """Twelve layers: the first token is 100 long in what layers 3 to 9 leave; token 7 gets that much of its direction
    from layer 5, and layer 8 takes it away."""
    stream = streams(13)
    stream[4:11, 0] *= 100  # state l + 1 is what layer l leaves
    stream[6:9, 7, 0] += second
    return stream


def test_a_secondary_sink_has_a_start_and_a_lifetime():
    places = read(SecondarySinks(), planted(second=40))
    assert [state for state, alive in enumerate(places["first"]) if alive] == [4, 5, 6, 7, 8, 9, 10]
    assert places["sinks"] == [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    assert [state - 1 for state, n in enumerate(places["starts"]) if n] == [5]
    assert places["lifetime"][6] == 3
    peak = read(ResidualPeak(), planted(second=40))["all"]
    assert (peak[3], peak[4], peak[11]) == (1, 100, 1)


@pytest.mark.parametrize(("cosine", "n"), [(0.91, 1), (0.89, 0)])
def test_the_direction_decides_and_the_length_does_not(cosine: float, n: int):
    along = cosine / math.sqrt(1 - cosine**2)  # beside 1 along the token's own direction
    assert read(SecondarySinks(), planted(second=along))["sinks"][6] == n


def test_outside_the_life_of_the_first_token_nothing_is_a_sink():
    stream = planted(second=40)
    stream[11:, 7, 0] += 40  # behind the fall
    assert read(SecondarySinks(), stream)["sinks"][11:] == [0, 0]
    flat = streams(13)
    flat[:, 7] = flat[:, 0]
    assert sum(read(SecondarySinks(), flat)["sinks"]) == 0  # no peak: no primary sink
    assert sum(read(SecondarySinks(peak=0), flat)["sinks"]) > 0


def test_a_life_without_a_fall_goes_on_to_the_end():
    norms = torch.tensor([[1.0, 1, 50, 51, 52], [1, 50, 50, 49, 2], [9, 1, 2, 1, 1]])
    expected = [[False, False, True, True, True], [False, True, True, True, False], [False, False, True, False, False]]
    assert life_of(norms).tolist() == expected


def test_states_are_those_of_the_model(family_model):
    model, prompts = family_model("llama"), PromptSet("alike", random_prompts(6).prompts[::2])
    (scores,) = measure_profiles(model, prompts, [ResidualPeak()])
    assert [str(part) for part in scores.components] == [f"r{n}" for n in range(model.wiring.n_layers + 1)]
    with torch.no_grad():
        _, cache = model.bridge.run_with_cache(torch.tensor([p.clean for p in prompts]))
    for layer in range(model.wiring.n_layers + 1):
        name = f"blocks.{layer}.hook_in" if layer < model.wiring.n_layers else f"blocks.{layer - 1}.hook_out"
        norms = cache[name].float().norm(dim=-1).numpy()
        expected = norms[:, 0] / np.median(norms[:, 1:], axis=1)
        np.testing.assert_allclose(scores.per_prompt[:, 0, layer], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (Sinks(), "has 10 tokens, so no position is seen by 16"),
        (Dormant(by="domain_code"), "has the role 'domain_code'"),
    ],
)
def test_prompts_that_say_nothing_are_refused(profile, message, family_model):
    with pytest.raises(ValueError, match=message):
        measure_profiles(family_model("gpt2"), random_prompts(2), [profile])


def test_settings_without_sense_are_refused():
    for make in (lambda: Sinks(over=1.5), lambda: Sinks(queries=0), lambda: SecondarySinks(cosine=1)):
        with pytest.raises(ValueError, match="give"):
            make()
