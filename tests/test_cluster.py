"""Photos embedded on many machines make the map that one machine makes, whichever of them dies on the way."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from test_map import rows_of

from viewfix import Map, __version__
from viewfix.cli import run
from viewfix.embed import ray as cluster
from viewfix.embed.describe import Described, Pending, Work
from viewfix.embed.describe import describe as on_this_machine
from viewfix.embed.ray import worker as work
from viewfix.embed.ray.driver import _Dispatcher
from viewfix.embed.ray.worker import Job, describe_chunk
from viewfix.errors import BadInput, ModelMismatch, ViewfixError
from viewfix.models import catalogue
from viewfix.types import Photo, Position

try:
    import ray
    from ray.cluster_utils import Cluster as RealCluster
except ImportError:
    ray = None


def needs_ray(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test of a real cluster; all of them run in one process of pytest-xdist."""
    missing = pytest.mark.skipif(ray is None, reason="ray is not installed: pip install 'viewfix[cluster]'")
    return missing(pytest.mark.heavy(pytest.mark.xdist_group("ray")(test)))


CLIENTS = 20000 + os.getpid() % 9000
"""The port of the head for clients: ray:// addresses."""


def photo(source: str, photo_id: str = "a.jpg") -> Photo:
    return Photo(photo_id, source, Position(50, 20))


def job(**changes: Any) -> Job:
    model = catalogue.load(threads=1)
    return Job(**{"version": __version__, "model": model.name, "fingerprint": model.fingerprint, **changes})


# ---- without Ray -------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", "here", "host", "host:", "http://host:1", "host:port", "ray://host", "a b:1"])
def test_what_is_not_an_address_is_refused_before_anything_is_written(
    address: str, street: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="is not an address of a Ray cluster"):
        Map.build(tmp_path / "m.map", street, cluster=address)
    assert not (tmp_path / "m.map").exists()


@pytest.mark.parametrize("address", ["auto", "local", "host:6379", "10.0.0.7:6379", "ray://head.example.org:10001"])
def test_addresses_of_ray_are_taken(address: str) -> None:
    assert cluster.Cluster.of(address).address == address


def test_workers_without_a_cluster_are_refused(
    street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["build", str(tmp_path / "m.map"), str(street), "--ray-workers", "2"]) == 2
    assert "--ray ADDRESS" in capsys.readouterr().err
    with pytest.raises(BadInput, match="must be 1 or more; got 0"):
        cluster.Cluster("auto", 0)


def test_without_ray_one_line_says_what_to_install(
    street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(["build", str(tmp_path / "m.map"), str(street), "--ray", "auto", "-q"]) == 4
    assert "pip install 'viewfix[cluster]'" in capsys.readouterr().err


def test_a_worker_describes_as_this_machine_does(street: Path) -> None:
    source = str(sorted(street.glob("*.jpg"))[0])
    [here] = on_this_machine([Pending(photo(source))], catalogue.load(threads=1))
    assert isinstance(here, Described) and here.descriptor is not None
    [there, known] = describe_chunk([Pending(photo(source)), Pending(photo(source), here.content_hash)], job())
    assert isinstance(there, Described) and there.descriptor is not None
    assert (there.content_hash, there.content_hint) == (here.content_hash, here.content_hint)
    assert there.descriptor.tobytes() == here.descriptor.tobytes()
    assert isinstance(known, Described) and known.descriptor is None


def test_a_worker_of_another_version_or_model_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_host", lambda: "10.0.0.7")
    monkeypatch.setattr(work, "_loaded", {})
    old = describe_chunk([], job(version="0.0.1"))
    assert isinstance(old, work.WorkerFailure) and isinstance(old.error, BadInput)
    assert __version__ in str(old.error) and "0.0.1" in str(old.error)
    other = describe_chunk([], job(fingerprint="f" * 32))
    assert isinstance(other, work.WorkerFailure) and isinstance(other.error, ModelMismatch)


def test_a_worker_loads_a_model_once_for_each_device(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    shipped = work._shipped
    monkeypatch.setattr(work, "_loaded", {})
    monkeypatch.setattr(work, "_shipped", lambda name: loaded.append(name) or shipped(name))  # type: ignore[func-returns-value]
    monkeypatch.setattr(work, "set_device", lambda _: None)
    for device in ("cpu", "auto", "cpu"):
        assert describe_chunk([], job(device=device)) == []
    assert len(loaded) == 2


# ---- a real cluster ----------------------------------------------------------------------


@contextlib.contextmanager
def rays_own_logs_left_open() -> Iterator[None]:
    """Ray leaves log files for the collector of garbage to close, an error in whatever test comes next."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A head that embeds nothing, and a node of one core."""
    if ray is None:
        pytest.skip("ray is not installed: pip install 'viewfix[cluster]'")
    ports = {"num_cpus": 0, "include_dashboard": False, "ray_client_server_port": CLIENTS}
    with rays_own_logs_left_open():
        made = RealCluster(initialize_head=True, head_node_args=ports)
        made.add_node(num_cpus=1)
    yield made
    with rays_own_logs_left_open():
        made.shutdown()


@pytest.fixture
def many(street: Path, tmp_path: Path) -> Path:
    """Sixty photos and a damaged one, enough to be killed among."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        files = sorted(street.glob("*.jpg"))
        data = files[number % len(files)].read_bytes()
        (folder / f"{number:03}.jpg").write_bytes(data)
    whole = (folder / "007.jpg").read_bytes()
    (folder / "007.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture
def alone(many: Path, tmp_path: Path) -> Map:
    with Map.build(tmp_path / "alone.map", many) as built:
        yield built


@needs_ray
@pytest.mark.slow
def test_a_node_that_dies_in_the_middle_costs_nothing(
    machines: Any, many: Path, alone: Map, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewfix.embed.ray.driver.CHUNK", 4)
    monkeypatch.setattr("viewfix.embed.ingest.BATCH", 8)
    with rays_own_logs_left_open():
        doomed = machines.add_node(num_cpus=1)
    dead: list[int] = []

    def kill(what: str, done: int, total: int | None) -> None:
        if what == "embedding" and done >= 12 and not dead:
            dead.append(done)
            with rays_own_logs_left_open():
                machines.remove_node(doomed, allow_graceful=False)

    with Map.build(tmp_path / "m.map", many, cluster=machines.address, progress=kill) as city:
        assert dead and dead[0] < 30
        assert city.last_added == alone.last_added
        assert [each.id for each in city.last_added.skipped] == ["007.jpg"]
    assert rows_of(tmp_path / "m.map") == rows_of(tmp_path / "alone.map")
    assert not ray.is_initialized()


@needs_ray
@pytest.mark.slow
def test_a_build_that_is_killed_sends_no_committed_photo_again(
    machines: Any, many: Path, alone: Map, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.map"
    args = ["build", str(path), str(many), "--ray", machines.address, "-q"]
    code = (
        "from viewfix import cli; from viewfix.embed import ingest; from viewfix.embed.ray import driver\n"
        f"ingest.BATCH = 4; driver.CHUNK = 4; cli.main({args})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as process:
        give_up = time.monotonic() + 40
        while time.monotonic() < give_up and process.poll() is None and not (path.exists() and stored(path) >= 8):
            time.sleep(0.02)
        process.kill()
    before = stored(path)
    assert 8 <= before < 59
    sent: list[str] = []
    send = _Dispatcher._send

    def watched(self: _Dispatcher, chunk: list[Work]) -> None:
        sent.extend(item.photo.id for item in chunk if isinstance(item, Pending))
        send(self, chunk)

    monkeypatch.setattr(_Dispatcher, "_send", watched)
    with Map.build(path, many, cluster=machines.address) as city:
        assert city.last_added.unchanged == before
        assert city.last_added.added == 60 - 1 - before
    assert len(sent) == len(set(sent)) == 60 - before
    assert rows_of(path) == rows_of(tmp_path / "alone.map")


def stored(path: Path) -> int:
    try:
        return len(rows_of(path))
    except ViewfixError:
        return 0  # it is being created


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("outside", [False, True], ids=["in the cluster", "a client outside"])
def test_a_model_of_ones_own_travels_as_its_file(
    outside: bool, machines: Any, street: Path, tmp_path: Path, real_map: Path
) -> None:
    address = f"ray://127.0.0.1:{CLIENTS}" if outside else machines.address
    own = Path(shutil.copy(catalogue.located(catalogue.CATALOGUE[0]), tmp_path / "own.onnx"))
    with Map.build(tmp_path / "m.map", street, model=own, cluster=cluster.Cluster(address, 1)) as city:
        assert len(city) == len(rows_of(real_map))
    assert rows_of(tmp_path / "m.map") == rows_of(real_map)


@needs_ray
@pytest.mark.slow
def test_an_unexpected_error_of_a_worker_is_one_line(machines: Any, street: Path, tmp_path: Path) -> None:
    files = [Pending(photo(str(file), file.name)) for file in sorted(street.glob("*.jpg"))[:3]]
    broken = Pending(Photo("x", 7, Position(50, 20)))  # type: ignore[arg-type]  a source is a path or a URL
    describe = cluster.describer(machines.address)
    with pytest.raises(ViewfixError, match="A Ray worker failed.*TypeError") as caught:
        list(describe([*files, broken], catalogue.load(threads=1)))
    assert "\n" not in str(caught.value)
    assert not ray.is_initialized()


@needs_ray
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999", "auto"])
def test_a_cluster_that_is_not_there_is_one_line_at_once(
    address: str, street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address == "auto":
        monkeypatch.setattr(ray, "init", refuse)
    started = time.monotonic()
    with pytest.raises(BadInput, match="No Ray cluster could be used") as caught:
        Map.build(tmp_path / "m.map", street, cluster=address)
    assert "\n" not in str(caught.value) and time.monotonic() - started < 5
    assert not (tmp_path / "m.map").exists()


@needs_ray
def test_a_client_server_that_dies_as_it_starts_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def init(address: str, **_: Any) -> None:
        asked.append(address)
        if len(asked) < fails:
            raise ConnectionAbortedError("Initialization failure from server: it died")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(cluster.Cluster, "_check_reachable", lambda _: None)
    fails = 3
    with cluster.Cluster("ray://127.0.0.1:1").connected():
        assert len(asked) == 3
    asked.clear()
    fails = 9
    with pytest.raises(BadInput, match="it died"), cluster.Cluster("ray://127.0.0.1:1").connected():
        pass
    assert len(asked) == 3


@needs_ray
@pytest.mark.slow
def test_a_connection_that_failed_leaves_the_process_able_to_connect(
    machines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionAbortedError("Initialization failure from server: it died")

    with monkeypatch.context() as broken:
        broken.setattr("ray.util.client.worker.Worker._server_init", fail)
        with (
            pytest.raises(BadInput, match="it died"),
            cluster.Cluster(f"ray://127.0.0.1:{CLIENTS}").connected(),
        ):
            pass
    with cluster.Cluster(machines.address).connected() as connected:
        assert connected.is_initialized()


def refuse(*_: Any, **__: Any) -> None:
    raise ConnectionError("Could not find any running Ray instance.\nPlease specify the one to connect to.")


@needs_ray
@pytest.mark.slow
def test_a_model_without_a_file_cannot_be_sent_to_workers(
    machines: Any, street: Path, tmp_path: Path, toy: Any
) -> None:
    with pytest.raises(BadInput, match=r"toy is not an \.onnx file"):
        Map.build(tmp_path / "m.map", street, model=toy, cluster=machines.address)
    assert not (tmp_path / "m.map").exists()
