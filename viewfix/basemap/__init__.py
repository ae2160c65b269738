"""A base map under the photos, from OpenStreetMap: roads, buildings, water, parks, rails and names, without a network.

```python
from viewfix import basemap

basemap.add("home.map", "helsinki.osm.pbf")  # or a Map that is open; replaces the base map that it has
basemap.remove("home.map")
```

It is a PMTiles file beside the map: `home.map.pmtiles`. Pages, the phone app and the HTML reports draw it.
"""

from .ingest import AddedBasemap, add, remove
from .stored import Basemap, basemap_of, drawable, with_basemap

__all__ = ["AddedBasemap", "Basemap", "add", "basemap_of", "drawable", "remove", "with_basemap"]
