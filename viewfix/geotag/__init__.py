"""Geotagging of albums: find where photos were taken, write it into sidecars or pictures, and undo it.

```python
from viewfix import Map
from viewfix.geotag import undo

with Map.open("home.map") as city, city.geotag("Pictures") as plan:
    for proposal in plan:
        print(proposal)
    plan.write()
undo("Pictures")
```
"""

from __future__ import annotations

from .options import USUAL_OPTIONS, GeotagOptions
from .plan import GeotagPlan, plan_geotags
from .proposal import STATES, Proposal, State
from .tag import Tag
from .undo import Undone, undo
from .write import Written

__all__ = [
    "STATES",
    "USUAL_OPTIONS",
    "GeotagOptions",
    "GeotagPlan",
    "Proposal",
    "State",
    "Tag",
    "Undone",
    "Written",
    "plan_geotags",
    "undo",
]
