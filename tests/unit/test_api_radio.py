"""What the API tells of a radio map besides its levels: where its antennas stand, in the map's own metres."""

from __future__ import annotations

from typing import Any

from radio_region import CELLS, PLACES, REGION, declared
from radio_story import Story, with_map

from infra.api.shapes_doing import RadioMapShape
from stream.api import radio


def told(story: Story, cell: str = "") -> dict[str, Any]:
    found = radio.find([story.shard], REGION)
    assert found is not None
    data = radio.data(found, REGION, cell)
    assert data is not None
    RadioMapShape.model_validate(data)
    return data


def test_antennas_stand_where_the_inventory_has_them_whichever_cell_is_asked_for() -> None:
    story = with_map()
    wanted = [
        {"cell": name, "site": None, "x": x, "y": y, "z": z, "azimuth_deg": 90.0, "tilt_deg": 5.0}
        for name, (x, y, z) in PLACES.items()
    ]
    assert told(story)["antennas"] == wanted
    assert told(story, CELLS[1])["antennas"] == wanted


def test_an_antenna_has_its_site() -> None:
    story = with_map()
    site = f"{REGION},Site=7"
    stands = {"source": CELLS[0], "kind": "located_at", "target": site}
    story.tell({**declared(), "id": "site", "entities": [{"dn": site, "kind": "site"}], "relations": [stands]})
    assert [each["site"] for each in told(story)["antennas"]] == [site, None]


def test_a_cell_that_the_inventory_no_longer_has_has_no_antenna() -> None:
    story = with_map()
    story.tell({**declared(), "id": "less", "entities": [], "removed": [CELLS[0]]})
    data = told(story)
    assert data["cells"] == CELLS
    assert [each["cell"] for each in data["antennas"]] == [CELLS[1]]
