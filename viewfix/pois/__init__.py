"""Files of OpenStreetMap, GeoJSON and CSV become the points of interest of a map: what is worth seeing near a fix.

```python
from viewfix import pois

pois.add("home.map", "monaco.osm.pbf")  # or a Map that is open; again: what came from the file is replaced
pois.remove("home.map", "monaco.osm.pbf")  # without a file: all
```

`Map.locate` then fills `Fix.nearby`. What a map holds is read with `city.store.points`.
"""

from .adding import AddedPoints, add, remove
from .around import with_nearby, within
from .nearby import Reach

__all__ = ["AddedPoints", "Reach", "add", "remove", "with_nearby", "within"]
