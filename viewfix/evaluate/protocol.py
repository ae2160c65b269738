"""The parts of a protocol: the layout of its files, the number of its pictures, and which match is right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Count:
    """The published number of pictures, from `least` to `most`. `certain` is False for hearsay and inference."""

    least: int
    most: int
    certain: bool = True

    def allows(self, found: int) -> bool:
        return self.least <= found <= self.most

    def __str__(self) -> str:
        span = f"{self.least:,}" if self.least == self.most else f"{self.least:,} to {self.most:,}"
        return span if self.certain else f"{span} (unverified)"


def exactly(number: int, *, certain: bool = True) -> Count:
    return Count(number, number, certain)


@dataclass(frozen=True, slots=True)
class WithinM:
    """A map photo is right if it is at most `radius_m` metres from the query, whatever its heading."""

    radius_m: float

    def __str__(self) -> str:
        return f"within {self.radius_m:g} m"


@dataclass(frozen=True, slots=True)
class WithinFrames:
    """A map photo is right if it is at most `frames` frames from the query; queries are every `step`-th frame."""

    frames: int
    step: int = 1

    def __str__(self) -> str:
        frames = f"within {self.frames} frame{'' if self.frames == 1 else 's'}"
        return frames if self.step == 1 else f"{frames}, queries are every {self.step}th"


@dataclass(frozen=True, slots=True)
class SamePair:
    """The only right map photo is the one that was taken to match the query."""

    def __str__(self) -> str:
        return "its pair"


Rule = WithinM | WithinFrames | SamePair


@dataclass(frozen=True, slots=True)
class UtmNames:
    """Two folders with positions in the file names, between "@" signs."""

    map: str = "database"
    queries: str = "queries"

    def __str__(self) -> str:
        return f"{self.map}/ and {self.queries}/ with positions in the file names"


@dataclass(frozen=True, slots=True)
class DbStruct:
    """A MATLAB file `dbStruct` with the names of the pictures and their UTM metres, in the projection `epsg`."""

    file: str
    epsg: int
    queries: str = "queries_real"

    def __str__(self) -> str:
        return f"{self.file} (here, or in datasets/) with its pictures and {self.queries}/"


@dataclass(frozen=True, slots=True)
class TokyoStruct:
    """The database of a dbStruct, whose .jpg names are .png files; queries with a .csv each."""

    file: str = "tokyo247.mat"
    epsg: int = 32654
    queries: str = "247query_subset_v2"

    def __str__(self) -> str:
        return f"{self.file} (here, or in datasets/) with its .png pictures, and {self.queries}/ with a .csv a query"


@dataclass(frozen=True, slots=True)
class MslsTree:
    """Mapillary's tree of cities; each is searched by its own queries only. `subtask` None takes every picture."""

    cities: tuple[str, ...] = ("cph", "sf")
    subtask: str | None = None
    drop_unanswerable: bool = False

    def __str__(self) -> str:
        return f"train_val/{{{','.join(self.cities)}}}/{{database,query}}/ with images/ and Mapillary's .csv files"


@dataclass(frozen=True, slots=True)
class FrameFolders:
    """Two folders of the same walk or ride; the first pair (map, queries) of `folders` that exists."""

    folders: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return " or ".join(f"{photos}/ and {queries}/" for photos, queries in self.folders) + " with a frame a picture"


@dataclass(frozen=True, slots=True)
class PairFolders:
    """Two folders in which matching pictures have the same name; the first pair (map, queries) that exists."""

    folders: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return " or ".join(f"{photos}/ and {queries}/" for photos, queries in self.folders) + " with names in pairs"


Layout = UtmNames | DbStruct | TokyoStruct | MslsTree | FrameFolders | PairFolders


@dataclass(frozen=True, slots=True)
class Protocol:
    """One published way to measure.

    `layouts` are the forms in which its files are distributed, tried in turn; `trap` is the usual mistake, and `paper`
    the source.
    """

    name: str
    layouts: tuple[Layout, ...]
    rule: Rule
    expected_queries: Count | None = None
    expected_database: Count | None = None
    trap: str = ""
    paper: str = ""

    @property
    def queries(self) -> int | None:
        """The exact number of queries; None if it is not known for certain."""
        return _known(self.expected_queries)

    @property
    def database(self) -> int | None:
        """The exact number of map photos; None if it is not known for certain."""
        return _known(self.expected_database)

    @property
    def radius_m(self) -> float | None:
        """The radius within which a match is right; None if distance does not decide."""
        return self.rule.radius_m if isinstance(self.rule, WithinM) else None


def _known(count: Count | None) -> int | None:
    return count.least if count is not None and count.certain and count.least == count.most else None


def unpublished(rule: Rule) -> Protocol:
    """A protocol for your own pictures, any number of them."""
    return Protocol(f"right: {rule}", (), rule)
