"""What a batch model says beside an online one."""

from __future__ import annotations

import numpy as np
import pytest

from models.blend import Blend
from stream.batch.versions_at_work import Spoken


def test_a_batch_model_adds_by_how_much_it_differs_from_its_average() -> None:
    blend = Blend()
    batch = np.array([-4.0, -2.0, np.nan], np.float32)
    online, quiet = np.zeros(3, np.float32), np.array([True, False, True])
    blend.learn(online, batch, quiet, np.array([False, True, False]))
    blend.freeze()
    spoken = Spoken("m@1", blend, batch, blend.combine(online, batch, quiet))
    counts = spoken.combined.batch
    assert counts[0] != counts[1]
    assert spoken.added().tolist() == pytest.approx([-1.0 * counts[0], 1.0 * counts[1], 0.0])
    assert spoken.added(np.array([1])).tolist() == pytest.approx([counts[1]])
