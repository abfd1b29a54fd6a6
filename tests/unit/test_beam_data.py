"""Directions, beams and edges of the beam tasks."""

from __future__ import annotations

import numpy as np
import pytest

from tests.science.beams.data import COLUMNS, ROWS, angles_of, geometric, response, straight_gain
from tests.science.beams.diffraction import diffracted, edges
from twin.radio.scene import open_scene

BEAMS = COLUMNS * ROWS


def test_angles_turn_back_into_directions() -> None:
    away = np.random.default_rng(0).normal(size=(20, 3))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    elevation, azimuth = angles_of(away).T
    flat = np.cos(elevation)
    again = np.column_stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])
    np.testing.assert_allclose(again, away, atol=1e-12)


def test_beams_share_the_power_of_a_path_among_them() -> None:
    away = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.48, 0.6, 0.64]])
    np.testing.assert_allclose(np.sum(np.abs(response(away)) ** 2, axis=1), BEAMS)
    assert np.abs(response(away[:1])[0, 0]) ** 2 == pytest.approx(BEAMS)  # straight ahead: all of it in the first beam


def test_the_straight_line_points_at_the_user() -> None:
    below = np.array([[-33.0 + 10, 11.0, 1.5]])
    np.testing.assert_allclose(geometric(below), [[-np.arctan2(30.5, 10.0), 0.0]])
    assert straight_gain(below).shape == (1, BEAMS)


def test_paths_over_an_edge_are_the_shortest_ones_and_weaker_than_free_space() -> None:
    scene = open_scene("simple_street_canyon", 28e9)
    assert len(edges(scene)) == 6 * 8  # four edges of the roof and four upright ones of every building
    station = np.array([-33.0, 11.0, 32.0])
    hidden = np.array([[-45.0, 45.0, 1.5], [0.0, 45.0, 1.5]])
    assert not scene.sight(station[None], hidden).any()
    found = diffracted(scene, station, hidden)
    assert set(found.receiver.tolist()) == {0, 1}
    free = 2.99792458e8 / 28e9 / (4 * np.pi * found.length)
    assert (found.amplitude < 0.6 * free).all()
    for receiver, direction, length in zip(found.receiver, found.direction, found.length, strict=True):
        places = [
            a + t * (b - a) for a, b, _ in edges(scene) for t in np.linspace(0, 1, 2001)
        ]  # the path is one over some edge, and no point on that edge gives a shorter one
        ways = np.linalg.norm(places - station, axis=1) + np.linalg.norm(hidden[receiver] - places, axis=1)
        assert np.min(np.abs(ways - length)) < 0.02
        assert np.linalg.norm(direction) == pytest.approx(1)
