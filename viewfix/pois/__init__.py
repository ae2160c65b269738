"""Points of interest near a fix, from OpenStreetMap, GeoJSON and CSV files.

```python
from viewfix import pois

pois.add("home.map", "monaco.osm.pbf")  # or a Map that is open; adding a file again replaces its points
pois.remove("home.map", "monaco.osm.pbf")  # removes all points if no file is passed
```

`Map.locate` then fills `Fix.nearby`. The points of a map are read with `city.store.points`.
"""

from .ingest import AddedPoints, add, remove
from .lookup import with_nearby, within
from .nearby import Reach
from .upcoming import Ahead, Announcer, Belief, Upcoming, upcoming

__all__ = [
    "AddedPoints",
    "Ahead",
    "Announcer",
    "Belief",
    "Reach",
    "Upcoming",
    "add",
    "remove",
    "upcoming",
    "with_nearby",
    "within",
]
