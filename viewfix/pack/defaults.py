"""The numbers with which the core answers a query. Every pack contains them, so that the phone uses the same."""

from __future__ import annotations

from typing import Any

from ..locate.confidence import LEAST_CONFIDENCE, TWIN
from ..locate.context import MOST_COUNTED
from ..locate.decide import VOTERS
from ..locate.fuse import AGREE_HEADING_DEG, AGREE_M, SHARPNESS
from ..locate.options import QueryOptions
from ..locate.retrieve import WIDEST
from ..pois.lookup import SPARE
from ..pois.nearby import HALF_M, LEAST_SHARE, SAME_ITEM_M, USUAL_REACH


def query_defaults() -> dict[str, Any]:
    """The object `query` of photos.bin; docs/spec/pack.md explains each number."""
    return {
        "k": QueryOptions().k,
        "least_confidence": LEAST_CONFIDENCE,
        "voters": VOTERS,
        "agree_m": AGREE_M,
        "agree_heading_deg": AGREE_HEADING_DEG,
        "sharpness": SHARPNESS,
        "twin": TWIN,
        "most_neighbours": MOST_COUNTED,
        "most_rivals": WIDEST,
        "nearby": {
            "within_m": USUAL_REACH.within_m,
            "limit": USUAL_REACH.limit,
            "spare": SPARE,
            "half_m": HALF_M,
            "least_share": LEAST_SHARE,
            "same_item_m": SAME_ITEM_M,
        },
    }
