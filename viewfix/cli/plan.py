"""viewfix plan: estimate the memory, disks, machines and engine that a map needs."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

import click

from .options import json_option

if TYPE_CHECKING:
    from ..capacity import Plan, Workload

_SCALES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9}


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions of click
    """A number such as 2e9, 10M or 1.5e6."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        found = re.fullmatch(r"([0-9][0-9_,]*\.?[0-9]*(?:e[+-]?[0-9]+)?)([kmbg]?)", str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is not a number. Use one such as 2e9, 10M or 1500000.", param, ctx)
        return float(found[1].replace(",", "").replace("_", "")) * _SCALES[found[2]]


@click.command()
@click.option("--photos", type=Amount(), required=True, help="Photos in the map: 2e9, 10M.")
@click.option("--queries-per-second", "queries_per_s", type=Amount(), default=1.0, show_default=True)
@click.option("--dims", type=int, default=512, show_default=True, help="Length of a descriptor.")
@click.option("--near-share", type=float, default=0.0, show_default=True,
              help="Share of queries with a rough position, 0 to 1.")  # fmt: skip
@click.option("--replicas", type=int, default=1, show_default=True, help="Copies of everything that answer queries.")
@click.option("--verify/--no-verify", "verified", default=True, show_default=True,
              help="Verify candidates where similarity leaves a doubt.")  # fmt: skip
@click.option("--local-features", is_flag=True, help="Store the local features of all photos.")
@click.option(
    "--embed-days", type=float, default=30.0, show_default=True, help="Days in which all photos must be embedded."
)
@click.option("--cores", type=int, default=32, show_default=True, help="Cores of one machine.")
@click.option("--memory-gb", type=float, default=256.0, show_default=True, help="Memory of one machine.")
@click.option("--disk-gb", type=float, default=8000.0, show_default=True, help="Disk of one machine.")
@json_option
def command(cores: int, memory_gb: float, disk_gb: float, as_json: bool, **given: float | bool) -> None:
    """Estimate what a map needs: memory, disks, machines, and the engine to store it.

    The estimate uses measured constants. It lists those that were not measured on maps of this size.
    """
    from ..capacity import Machine, Workload, plan

    workload = Workload(machine=Machine(cores, memory_gb, disk_gb), **given)  # type: ignore[arg-type]
    found = plan(workload)
    if as_json:
        totals = {"machines": found.machines, "memory_gb": found.memory_gb, "disk_gb": found.disk_gb}
        click.echo(json.dumps({**dataclasses.asdict(found), **totals}))
        return
    for line in lines(workload, found):
        click.echo(line)


def lines(workload: Workload, found: Plan) -> list[str]:
    """The text of a plan."""
    from ..capacity import load

    constants = load()
    text = [
        f"{workload.photos:,.0f} photos of {workload.dims} numbers, {workload.queries_per_s:,.0f} queries a second:"
    ]
    text.append(f"  engine: {found.engine}, because {found.why}")
    for part in found.parts:
        count = f"{part.machines} x " if part.machines else ""
        text.append(
            f"  {count}{part.name}: {part.memory_gb:,.0f} GB memory, {part.disk_gb:,.0f} GB disk, "
            f"{part.cores:,.0f} cores; {part.why}"
        )
    text.append(
        f"  in total: {found.machines} machines, {found.memory_gb:,.0f} GB memory, {found.disk_gb:,.0f} GB disk; a "
        f"search takes {found.search_ms:,.1f} ms of a core, {found.near_ms:,.1f} ms with a rough position"
    )
    machines = "1 machine" if found.embed_machines == 1 else f"{found.embed_machines} machines"
    index = f", {found.index_core_hours:,.0f} for the index" if found.index_core_hours else ""
    text.append(
        f"  once: {found.embed_core_hours:,.0f} core-hours of embedding{index}; {machines} for "
        f"{workload.embed_days:,.0f} days. A new model costs the same again."
    )
    for name in found.beyond:
        to = constants[name].measured_to
        text.append(f"  not measured at this size: {constants[name].what} (measured to {to:,.0f} photos)")
    return text
