"""The benchmarks of the field as data: the layout of the files, the number of pictures, and which match is right."""

from __future__ import annotations

import difflib

from ..errors import BadInput
from .protocol import (
    Count,
    DbStruct,
    FrameFolders,
    MslsTree,
    PairFolders,
    Protocol,
    SamePair,
    TokyoStruct,
    UtmNames,
    WithinFrames,
    WithinM,
    exactly,
)

M25 = WithinM(25.0)
NAMES = (UtmNames(),)
BERTON = "Berton et al., Deep Visual Geo-localization Benchmark, CVPR 2022"
TORII_PITTS = "Torii et al., Visual Place Recognition with Repetitive Structures, TPAMI 2015"
COSPLACE = "Berton et al., Rethinking Visual Geo-localization for Large-Scale Applications, CVPR 2022"
RERANKING = "Barbarani et al., Are Local Features All You Need for Cross-Domain VPR?, CVPRW 2023"
MSLS = "Warburg et al., Mapillary Street-Level Sequences, CVPR 2020"
SVOX = "Berton et al., Adaptive-Attentive Geolocalization from Few Queries, WACV 2021"
GLOVER = "Glover, Day and Night with Lateral Pose Change Datasets, 2014"
WALK = Count(100, 200, certain=False)
"""200 frames were recorded for each walk; some copies have 100."""
SF_XL = Count(2_750_000, 2_850_000, certain=False)


def _sf_xl(version: str, queries: Count, trap: str, paper: str) -> Protocol:
    return Protocol(f"sf-xl-{version}", (UtmNames(queries=f"queries_{version}"),), M25, queries, SF_XL, trap, paper)


def _svox(condition: str, queries: int) -> Protocol:
    return Protocol(
        f"svox-{condition}",
        (UtmNames(map="gallery", queries=f"queries_{condition}"),),
        M25,
        exactly(queries),
        Count(16_500, 17_500, certain=False),
        "All five conditions search the same gallery; their average hides the night.",
        SVOX,
    )


def _gardens(name: str, queries: str, photos: str, trap: str) -> Protocol:
    return Protocol(name, (FrameFolders(((photos, queries),)),), WithinFrames(2), WALK, WALK, trap, GLOVER)


PROTOCOLS: tuple[Protocol, ...] = (
    Protocol(
        "pitts30k",
        (UtmNames(), DbStruct("pitts30k_test.mat", epsg=32617)),
        M25,
        exactly(6_816),
        exactly(10_000),
        "24 views share each position: a batch in file order is one place, and leaks to models that look at batches.",
        TORII_PITTS,
    ),
    Protocol(
        "pitts250k",
        (UtmNames(), DbStruct("pitts250k_test.mat", epsg=32617)),
        M25,
        exactly(8_280),
        exactly(83_952),
        "Pitts30k is a part of it: a model chosen on one has seen the other.",
        TORII_PITTS,
    ),
    Protocol(
        "tokyo247",
        (UtmNames(), TokyoStruct()),
        M25,
        exactly(315),
        exactly(75_984),
        "One query is 0.32 points; formatted copies hold queries shrunk to 480 px.",
        "Torii et al., 24/7 Place Recognition by View Synthesis, TPAMI 2018",
    ),
    Protocol(
        "msls-val-740",
        (MslsTree(subtask="all", drop_unanswerable=True),),
        M25,
        exactly(740),
        exactly(18_871),
        "Each city is searched separately; seven queries without a positive are left out before counting.",
        MSLS,
    ),
    Protocol(
        "msls-val-full",
        (MslsTree(),),
        M25,
        Count(11_084, 11_120, certain=False),
        Count(18_900, 18_999, certain=False),
        "Often printed as plain MSLS-val; never comparable with the 740 queries above.",
        BERTON,
    ),
    Protocol(
        "nordland-n1",
        (FrameFolders((("database", "queries"), ("ref", "query"), ("winter", "summer"))),),
        WithinFrames(1, step=10),
        exactly(2_760),
        exactly(27_592),
        "Every tenth summer frame is searched in winter; nordland-n10 is the other direction. SALAD's paper says 2.",
        "Zaffar et al., VPR-Bench, IJCV 2021; Ali-bey et al., BoQ, CVPR 2024",
    ),
    Protocol(
        "nordland-n10",
        (FrameFolders((("database", "queries"), ("summer", "winter"))),),
        WithinFrames(10),
        exactly(27_592),
        exactly(27_592),
        "Winter frames are searched in summer, without stops and tunnels; sets with 3,450 or 1,622 frames differ.",
        "Sünderhauf et al., Are We There Yet?, ICRAW 2013; split of Hausler et al., Patch-NetVLAD, CVPR 2021",
    ),
    _sf_xl("v1", exactly(1_000), "Models trained on SF-XL know this city.", COSPLACE),
    _sf_xl(
        "v2", exactly(598), "The queries of San Francisco Landmark; models trained on SF-XL know this city.", COSPLACE
    ),
    _sf_xl("night", exactly(466, certain=False), "Few queries: look at the interval.", RERANKING),
    _sf_xl("occlusion", exactly(76, certain=False), "One query is 1.3 points: look at the interval.", RERANKING),
    Protocol(
        "amstertime",
        (PairFolders((("database", "queries"), ("new", "old"))),),
        SamePair(),
        exactly(1_231),
        exactly(1_231),
        "No positions; formatted copies have made-up ones. In file order query i matches photo i.",
        "Yildiz et al., AmsterTime, ICPR 2022",
    ),
    Protocol(
        "sped",
        (PairFolders((("database", "queries"), ("ref", "query"))),),
        SamePair(),
        exactly(607, certain=False),
        exactly(607, certain=False),
        "Fixed cameras, no positions; in file order query i matches photo i.",
        "Chen et al., Learning Context Flexible Attention Model for Long-Term VPR, RA-L 2018; split of VPR-Bench",
    ),
    Protocol(
        "eynsham",
        NAMES,
        M25,
        Count(23_500, 24_500, certain=False),
        Count(23_500, 24_500, certain=False),
        "Grey pictures; two rounds of one road.",
        f"Cummins and Newman, FAB-MAP 2.0, RSS 2009; split of {BERTON}",
    ),
    _svox("night", 823),
    _svox("overcast", 872),
    _svox("rain", 937),
    _svox("snow", 870),
    _svox("sun", 854),
    Protocol(
        "st-lucia",
        NAMES,
        M25,
        exactly(1_464),
        exactly(1_549),
        "Saturated: every good model finds nearly everything.",
        f"Milford and Wyeth, TRO 2008; split of {BERTON}",
    ),
    _gardens(
        "gardens-point-day", "day_left", "day_right", "The other side of the path, by day. Some papers allow 3 frames."
    ),
    _gardens(
        "gardens-point-night",
        "night_right",
        "day_right",
        "Night frames are searched in day frames, the same side; night is grey.",
    ),
    _gardens(
        "gardens-point-night-left",
        "night_right",
        "day_left",
        "Night frames are searched in day frames, from the other side.",
    ),
)

ALIASES = {"gardens-point": "gardens-point-day"}
"""Names in papers that could mean several protocols, and the usual meaning."""


def known(name: str) -> bool:
    """Whether there is a protocol with this name."""
    return name in ALIASES or any(each.name == name for each in PROTOCOLS)


def protocol(name: str) -> Protocol:
    """The protocol with this name.

    Raises:
        BadInput: there is none; the message suggests the closest one.
    """
    by_name = {each.name: each for each in PROTOCOLS}
    wanted = ALIASES.get(name, name)
    if wanted in by_name:
        return by_name[wanted]
    close = difflib.get_close_matches(name, [*by_name, *ALIASES], n=1)
    hint = f"Did you mean '{close[0]}'?" if close else f"Choose one of: {', '.join(by_name)}."
    raise BadInput(f"There is no protocol called '{name}'. {hint}")


def table() -> str:
    """All protocols as the Markdown table in docs/protocols.md."""
    lines = ["| protocol | queries | map photos | a match is right | caution |", "|---|---|---|---|---|"]
    lines += [
        f"| `{each.name}` | {each.expected_queries} | {each.expected_database} | {each.rule} | {each.trap} |"
        for each in PROTOCOLS
    ]
    return "\n".join(lines)
