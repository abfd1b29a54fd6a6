// @ts-check
/** Antennas over a radio map, in its own metres: a wedge to where each looks, a dot where masts stand. */

import { colour } from "../chart.js";
import { number, short } from "../format.js";

/** @typedef {{cell: string, site: string | null, x: number, y: number, z: number, azimuth_deg: number, tilt_deg: number}} Antenna */
/** @typedef {{west: number, east: number, south: number, north: number}} Area [m] */

/** Name of the trace whose points are the antennas. */
export const ANTENNAS = "antennas";

const HALF = (25 * Math.PI) / 180;
/** Length of a wedge, of the shorter side of what is shown. */
const LENGTH = 0.06;

/** @param {Antenna} antenna @param {Area} area */
export function within(antenna, { west, east, south, north }) {
  return antenna.x >= west && antenna.x <= east && antenna.y >= south && antenna.y <= north;
}

/** @param {number} azimuth [deg], clockwise from north. */
const bearing = (azimuth) => (azimuth * Math.PI) / 180;

/**
 * What is drawn of antennas that lie in an area.
 * @param {Antenna[]} antennas @param {Area} area @param {string} cell Whose wedge stands out; empty: nobody's.
 * @returns {any[]} Traces.
 */
export function masts(antennas, area, cell) {
  const length = LENGTH * Math.min(area.east - area.west, area.north - area.south);
  const [edge, ground, chosen] = [colour("text"), colour("card"), colour("major")];
  const wedges = (/** @type {Antenna[]} */ some, /** @type {string} */ fill) => ({
    type: "scatter", mode: "lines", fill: "toself", fillcolor: fill, line: { color: edge, width: 1.5 }, hoverinfo: "skip", showlegend: false,
    x: some.flatMap((each) => [...outline(each, length).map(([x]) => x), null]), y: some.flatMap((each) => [...outline(each, length).map(([, y]) => y), null]),
  });
  const places = [...new Map(antennas.map((each) => [`${each.x} ${each.y}`, each])).values()];
  const marks = (/** @type {any} */ made) => ({ type: "scatter", mode: "markers", showlegend: false, hovertemplate: "%{text}<extra></extra>", ...made });
  return [
    wedges(antennas.filter((each) => each.cell !== cell), ground),
    wedges(antennas.filter((each) => each.cell === cell), chosen),
    // Where somebody points at one of several wedges of a mast: their middles.
    marks({
      name: ANTENNAS, marker: { size: 12, opacity: 0 }, text: antennas.map(told),
      x: antennas.map((each) => each.x + 0.6 * length * Math.sin(bearing(each.azimuth_deg))), y: antennas.map((each) => each.y + 0.6 * length * Math.cos(bearing(each.azimuth_deg))),
    }),
    marks({
      name: "masts", marker: { size: 7, color: edge, line: { color: ground, width: 1.5 } }, text: places.map((each) => of(each, antennas)),
      x: places.map((each) => each.x), y: places.map((each) => each.y),
    }),
  ];
}

/** @param {Antenna} antenna @param {number} length [m] @returns {[number, number][]} */
function outline({ x, y, azimuth_deg: azimuth }, length) {
  const side = (/** @type {number} */ turn) => /** @type {[number, number]} */ ([x + length * Math.sin(bearing(azimuth) + turn), y + length * Math.cos(bearing(azimuth) + turn)]);
  return [[x, y], side(-HALF), side(0), side(HALF), [x, y]];
}

/** @param {Antenna} antenna */
function told({ cell, azimuth_deg: azimuth, z }) {
  return plain(`${short(cell)}: azimuth ${number(azimuth)}°, ${number(z, "m")} up`);
}

/** What stands where one does. @param {Antenna} antenna @param {Antenna[]} all */
function of({ site, x, y }, all) {
  const here = all.filter((each) => each.x === x && each.y === y);
  return [site ? short(site) : "a mast", ...here.map((each) => `${short(each.cell)} ${number(each.azimuth_deg)}°`)].map(plain).join("<br>");
}

/** Plotly reads a few tags in texts: names are none. @param {string} text */
function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
