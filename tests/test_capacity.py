"""Capacity planning is arithmetic that can be checked by hand, over constants that say how they were measured."""

import json
import math
import re
from pathlib import Path

import pytest

from viewfix.capacity import Constant, Machine, Workload, load, plan
from viewfix.cli import run
from viewfix.errors import BadInput

ROOT = Path(__file__).parents[1]


def constant(value: object, of_dims: int | None = None, measured_to: float | None = None, unit: str = "x") -> Constant:
    return Constant(value, unit, "made up", "arithmetic", of_dims, measured_to)  # type: ignore[arg-type]


def test_a_constant_by_size_is_interpolated_between_measurements_and_extrapolated_beyond_them() -> None:
    by_size = constant([(100, 1.0), (10_000, 10.0)], measured_to=10_000)
    assert by_size.at(10) == 1.0 and by_size.at(100) == 1.0 and by_size.at(10_000) == pytest.approx(10.0)
    assert by_size.at(1_000) == pytest.approx(math.sqrt(10)) and by_size.at(1_000_000) == pytest.approx(100.0)
    assert by_size.reaches(10_000) and not by_size.reaches(20_000)


def test_a_constant_that_depends_on_the_length_of_descriptors_grows_with_it() -> None:
    assert constant(100.0, of_dims=512).at(1, 256) == 50.0 and constant(100.0).at(1, 256) == 100.0


def test_the_plan_for_a_map_file_can_be_computed_by_hand() -> None:
    found = plan(Workload(1e6, queries_per_s=10, verified=False))
    assert found.engine == "file" and found.machines == 1
    copies, services = found.parts
    assert copies.memory_gb == pytest.approx(1e6 * load()["file_map_bytes"].at(1e6) / 1e9)
    assert services.cores == pytest.approx(10 * load()["query_embed_ms"].at(1e6) / 1000 / 0.6)
    assert found.embed_core_hours == pytest.approx(1e6 / load()["embed_per_core_s"].at(1e6) / 3600)
    assert not found.beyond


def test_there_are_as_many_shards_as_hold_the_graph_in_memory() -> None:
    found = plan(Workload(5e8, machine=Machine(memory_gb=256)))
    each = load()["postgres_table_bytes"].at(5e8) + load()["postgres_graph_bytes"].at(5e8)
    assert found.engine == "PostgreSQL shards"
    assert found.parts[0].machines == math.ceil(5e8 * each / 1e9 / (0.6 * 256))
    assert plan(Workload(5e8, replicas=2)).parts[0].machines == 2 * found.parts[0].machines


def test_the_engine_depends_on_the_number_of_photos() -> None:
    engines = [plan(Workload(photos)).engine for photos in (1e3, 1e7, 2e7, 4e7, 3e8, 2e9, 1e11)]
    assert engines == ["file", "file", "file", "PostgreSQL", "PostgreSQL shards", "Milvus", "Milvus"]
    assert plan(Workload(2e9, machine=Machine(memory_gb=2000))).engine == "PostgreSQL shards"


@pytest.mark.parametrize("engine_photos", [1e6, 4e7, 3e8, 2e9])
def test_a_larger_workload_never_needs_less(engine_photos: float) -> None:
    before = None
    for more in (1.0, 1.1, 1.2):
        found = plan(Workload(engine_photos * more, queries_per_s=100))
        if before is not None and before.engine == found.engine:
            assert found.memory_gb >= before.memory_gb and found.disk_gb >= before.disk_gb
            assert found.machines >= before.machines and found.embed_core_hours > before.embed_core_hours
        before = found
    few, many = (plan(Workload(engine_photos, queries_per_s=q)) for q in (1, 10_000))
    assert many.machines > few.machines
    assert plan(Workload(engine_photos, local_features=True)).disk_gb > plan(Workload(engine_photos)).disk_gb


def test_rough_positions_and_skipping_verification_make_queries_cheaper() -> None:
    cores = {
        (near, verified): sum(p.cores for p in plan(Workload(2e9, 500, near_share=near, verified=verified)).parts)
        for near in (0.0, 0.9)
        for verified in (True, False)
    }
    assert cores[0.9, True] < cores[0.0, True] and cores[0.0, False] < cores[0.0, True]


def test_constants_that_were_not_measured_at_that_size_are_named() -> None:
    assert "postgres_graph_bytes" in plan(Workload(3e8)).beyond
    assert plan(Workload(5e4)).beyond == ()


class Recorded(dict[str, Constant]):
    """Constants that remember which of them were read."""

    def __init__(self) -> None:
        super().__init__(load())
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Constant:
        self.read.add(name)
        return super().__getitem__(name)


def test_every_constant_is_read_by_some_plan() -> None:
    constants = Recorded()
    for photos in (1e6, 4e7, 3e8, 2e9):
        for verified in (True, False):
            plan(Workload(photos, verified=verified, local_features=True), constants)
    assert constants.read == set(load()), "a constant that no plan reads is to be deleted from constants.json"


@pytest.mark.parametrize("name", load())
def test_every_constant_is_positive_and_names_the_command_that_measured_it(name: str) -> None:
    constant = load()[name]
    assert constant.what and constant.unit
    script = re.match(r"python (benchmarks/\w+\.py)", constant.source)
    assert constant.source == "arithmetic" or constant.source.startswith("viewfix build") or script, constant.source
    assert script is None or (ROOT / script[1]).is_file()
    values = [constant.value] if isinstance(constant.value, int | float) else [ms for _, ms in constant.value]
    assert values and min(values) > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"photos": 0}, {"photos": -1}, {"photos": math.nan}, {"photos": 1e30}, {"photos": 1e6, "dims": 3},
        {"photos": 1e6, "near_share": 1.5}, {"photos": 1e6, "queries_per_s": -1}, {"photos": 1e6, "replicas": 0},
        {"photos": 1e6, "machine": Machine(memory_gb=0)}, {"photos": 1e6, "embed_days": math.inf},
    ],
)  # fmt: skip
def test_a_value_out_of_range_is_refused_in_one_line(wrong: dict) -> None:
    with pytest.raises(BadInput, match=r"must be from .* to .*; got ") as error:
        Workload(**wrong)
    assert "\n" not in str(error.value)


def test_the_command_accepts_the_usual_ways_to_write_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("10M", "1e7", "10_000_000", "10,000,000"):
        assert run(["plan", "--photos", text, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["engine"] == "file"
    assert run(["plan", "--photos", "many"]) == 2
    assert "is not a number" in capsys.readouterr().err
    assert run(["plan", "--photos", "0"]) == 2
    assert "photos must be from 1" in capsys.readouterr().err


def test_the_example_in_the_docs_is_the_output_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "scale.md").read_text()
    [example] = re.findall(r"```console\n\$ viewfix (plan [^\n]*)\n(.*?)```", text, re.DOTALL)
    assert run(example[0].split()) == 0
    assert capsys.readouterr().out == example[1]
