"""What a map takes: arithmetic that can be checked by hand, over constants that say where they are from."""

import json
import math
import re
from pathlib import Path

import pytest

import viewfix.capacity
from viewfix.capacity import Constant, Machine, Workload, load, plan
from viewfix.cli import run
from viewfix.errors import BadInput

ROOT = Path(__file__).parents[1]


def constant(value: object, of_dims: int | None = None, measured_to: float | None = None, unit: str = "x") -> Constant:
    return Constant(value, unit, "made up", "arithmetic", of_dims, measured_to)  # type: ignore[arg-type]


def test_a_constant_by_size_is_read_between_what_was_measured_and_along_the_same_line_beyond() -> None:
    by_size = constant([(100, 1.0), (10_000, 10.0)], measured_to=10_000)
    assert by_size.at(10) == 1.0 and by_size.at(100) == 1.0 and by_size.at(10_000) == pytest.approx(10.0)
    assert by_size.at(1_000) == pytest.approx(math.sqrt(10)) and by_size.at(1_000_000) == pytest.approx(100.0)
    assert by_size.reaches(10_000) and not by_size.reaches(20_000)


def test_what_depends_on_the_length_of_a_descriptor_grows_with_it() -> None:
    assert constant(100.0, of_dims=512).at(1, 256) == 50.0 and constant(100.0).at(1, 256) == 100.0


def test_the_arithmetic_of_a_file_can_be_done_by_hand() -> None:
    found = plan(Workload(1e6, queries_per_s=10, verified=False))
    assert found.engine == "file" and found.machines == 1
    copies, services = found.parts
    assert copies.memory_gb == pytest.approx(1e6 * load()["file_map_bytes"].at(1e6) / 1e9)
    assert services.cores == pytest.approx(10 * load()["query_embed_ms"].at(1e6) / 1000 / 0.6)
    assert found.embed_core_hours == pytest.approx(1e6 / load()["embed_per_core_s"].at(1e6) / 3600)
    assert not found.beyond


def test_shards_are_as_many_as_hold_the_graph_in_memory() -> None:
    found = plan(Workload(5e8, machine=Machine(memory_gb=256)))
    each = load()["postgres_table_bytes"].at(5e8) + load()["postgres_graph_bytes"].at(5e8)
    assert found.engine == "PostgreSQL shards"
    assert found.parts[0].machines == math.ceil(5e8 * each / 1e9 / (0.6 * 256))
    assert plan(Workload(5e8, replicas=2)).parts[0].machines == 2 * found.parts[0].machines


def test_the_engine_follows_the_size() -> None:
    engines = [plan(Workload(photos)).engine for photos in (1e3, 1e7, 2e7, 4e7, 3e8, 2e9, 1e11)]
    assert engines == ["file", "file", "file", "PostgreSQL", "PostgreSQL shards", "Milvus", "Milvus"]
    assert plan(Workload(2e9, machine=Machine(memory_gb=2000))).engine == "PostgreSQL shards"


@pytest.mark.parametrize("engine_photos", [1e6, 4e7, 3e8, 2e9])
def test_more_never_takes_less(engine_photos: float) -> None:
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


def test_a_rough_position_and_no_verification_make_questions_cheaper() -> None:
    cores = {
        (near, verified): sum(p.cores for p in plan(Workload(2e9, 500, near_share=near, verified=verified)).parts)
        for near in (0.0, 0.9)
        for verified in (True, False)
    }
    assert cores[0.9, True] < cores[0.0, True] and cores[0.0, False] < cores[0.0, True]


def test_what_was_not_measured_at_that_size_is_named() -> None:
    assert "postgres_graph_bytes" in plan(Workload(3e8)).beyond
    assert plan(Workload(5e4)).beyond == ()


def test_every_constant_is_used_says_where_it_is_from_and_its_command_is_there() -> None:
    source = "".join(file.read_text() for file in Path(viewfix.capacity.__file__).parent.glob("*.py"))
    for name, each in load().items():
        assert f'"{name}"' in source or name == "postgres_put_per_s", f"{name} is not used"
        assert each.what and each.unit
        script = re.match(r"python (benchmarks/\w+\.py)", each.source)
        assert each.source == "arithmetic" or each.source.startswith("viewfix build") or script, each.source
        assert script is None or (ROOT / script[1]).is_file()
        for value in [each.value] if isinstance(each.value, int | float) else [ms for _, ms in each.value]:
            assert value > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"photos": 0}, {"photos": -1}, {"photos": math.nan}, {"photos": 1e30}, {"photos": 1e6, "dims": 3},
        {"photos": 1e6, "near_share": 1.5}, {"photos": 1e6, "queries_per_s": -1}, {"photos": 1e6, "replicas": 0},
        {"photos": 1e6, "machine": Machine(memory_gb=0)}, {"photos": 1e6, "embed_days": math.inf},
    ],
)  # fmt: skip
def test_what_makes_no_plan_is_refused_in_one_line(wrong: dict) -> None:
    with pytest.raises(BadInput, match="makes no plan. Give") as error:
        Workload(**wrong)
    assert "\n" not in str(error.value)


def test_the_command_takes_numbers_as_people_write_them(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("10M", "1e7", "10_000_000", "10,000,000"):
        assert run(["plan", "--photos", text, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["engine"] == "file"
    assert run(["plan", "--photos", "many"]) == 2
    assert "is no number" in capsys.readouterr().err
    assert run(["plan", "--photos", "0"]) == 2
    assert "makes no plan" in capsys.readouterr().err


def test_the_example_in_the_docs_is_what_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "scale.md").read_text()
    [example] = re.findall(r"```console\n\$ viewfix (plan [^\n]*)\n(.*?)```", text, re.DOTALL)
    assert run(example[0].split()) == 0
    assert capsys.readouterr().out == example[1]
