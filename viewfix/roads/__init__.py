"""Roads from OpenStreetMap in a map, and the way along them: on foot, by bicycle or by car.

```python
from viewfix import roads

roads.add("home.map", "helsinki.osm.pbf")  # or a Map that is open; adding a file again replaces its roads
roads.remove("home.map", "helsinki.osm.pbf")  # removes all roads if no file is passed
```

`Map.route` then finds the way from a photo to a sight.
"""

from .guidance import RouteStep
from .ingest import AddedRoads, add, remove
from .route import Route

__all__ = ["AddedRoads", "Route", "RouteStep", "add", "remove"]
