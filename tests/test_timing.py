"""The time of an answer is told by stage, for each answer alone."""

import threading
from pathlib import Path

import pytest

from viewfix import Map
from viewfix.timing import stage, timed


def test_stages_add_up_and_nothing_is_collected_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([1.0, 1.25, 2.0, 2.5])
    monkeypatch.setattr("viewfix.timing.time.perf_counter", lambda: next(clock))
    with stage("search"):
        pass  # takes no time from the clock
    with timed() as spent:
        with stage("search"):
            pass
        with stage("search"):
            pass
    assert spent == {"search": 750.0}


def test_a_stage_that_fails_counts_too() -> None:
    with timed() as spent, pytest.raises(ValueError), stage("match"):
        raise ValueError
    assert list(spent) == ["match"]


def test_threads_do_not_mix_their_times() -> None:
    ready = threading.Barrier(2)
    found: dict[str, list[str]] = {}

    def work(name: str) -> None:
        with timed() as spent:
            ready.wait(10)
            with stage("embed" if name == "a" else "search"):
                ready.wait(10)
        found[name] = list(spent)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"a": ["embed"], "b": ["search"]}


def test_a_verified_answer_names_every_stage_and_equal_answers_stay_equal(real_map: Path, street: Path) -> None:
    query = min(street.glob("*.jpg"))
    with Map.open(real_map) as city:
        first, second = (city.locate(query, verify="accurate") for _ in range(2))
        assert first == second and "timings" not in repr(first)
        assert {"decode", "embed", "search", "fuse"} <= set(first.timings)
        [(_, one)] = city.locate_all([query], verify="off")
        assert set(one.timings) == {"decode", "embed", "search", "fuse"}  # type: ignore[union-attr]
