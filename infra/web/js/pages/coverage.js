// @ts-check
/** Coverage as the radio twin has it: a heat map of the strongest cell, or of one. */

import { Problem, address, ask, named, reach } from "../api.js";
import { chart, colour } from "../chart.js";
import { card, choice, h } from "../dom.js";
import { clock, number, pageOf, short } from "../format.js";
import { ANTENNAS, masts, within } from "../map/masts.js";
import { refresher } from "../refresh.js";
import { link, put } from "../route.js";
import { table } from "../table.js";

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function coverage(root, { at, query }) {
  const regions = (await ask("/radio", { at })).items;
  if (!regions.length) {
    root.replaceChildren(h("h1", {}, "Coverage"), h("p", { class: "wide" }, "No region declares a radio scene, so there is nothing to trace: see docs/radio-twin.md."));
    return {};
  }
  let region = regions.find((/** @type {any} */ each) => each.region === query.get("region")) ?? regions[0];
  const cell = region.cells.includes(query.get("cell")) ? query.get("cell") : "";
  const map = chart(`Received power in ${region.region}, with its antennas; the table below says where they stand`);
  map.element.classList.add("ground");
  const told = h("p", { role: "status" });
  const picture = h("p");
  const antennas = h("div");
  const standing = card("Antennas", "wide", antennas);
  standing.hidden = true;
  root.replaceChildren(
    h("h1", { title: region.region }, `Coverage of ${short(region.region)}${at ? ` at ${clock(at)}` : ""}`),
    card("Received power of the reference signal", "wide",
      h("div", { class: "tools" },
        choice("Region", regions.map((/** @type {any} */ each) => [each.region, each.region]), region.region, (value) => put({ region: value, cell: "" })),
        choice("Cell", [["", "the strongest"], ...region.cells.map((/** @type {string} */ each) => [each, short(each)])], cell, (value) => put({ cell: value }))),
      told, map.element, picture),
    standing);
  const known = () => `scene ${region.scene}, tier ${region.tier}, version ${region.version}, typical error ${number(region.error_db, "dB")}`;
  const show = async () => {
    map.element.hidden = standing.hidden = !region.map;
    if (!region.map) {
      told.textContent = `${known()}; there is no traced map yet: a burst makes one`;
      return;
    }
    const found = await ask(`/radio/maps/${named(region.region)}`, { cell, at });
    told.textContent = known();
    const [rows, columns] = found.shape;
    const [west, south] = found.origin;
    const [x, y] = [[columns, west], [rows, south]].map(([length, first]) => Array.from({ length }, (_, at) => first + at * found.step));
    const half = found.step / 2;
    const area = { west: west - half, east: x[columns - 1] + half, south: south - half, north: y[rows - 1] + half };
    const inside = found.antennas.filter((/** @type {any} */ each) => within(each, area));
    map.element.style.aspectRatio = `${columns} / ${rows}`;
    map.draw(() => [[{ type: "heatmap", x, y, z: found.rsrp, colorscale: "Viridis", colorbar: bar(map.element), hovertemplate: "%{x} m, %{y} m: %{z:.1f} dBm<extra></extra>" }, ...masts(inside, area, cell)],
      { yaxis: { scaleanchor: "x", constrain: "domain", range: [area.south, area.north], title: { text: "north [m]" } }, xaxis: { constrain: "domain", range: [area.west, area.east], nticks: 6, title: { text: "east [m]" } }, hovermode: "closest", plot_bgcolor: colour("map") }]);
    antennas.replaceChildren(antennaTable(found.antennas, (one) => map.point(ANTENNAS, one === null ? -1 : inside.indexOf(one))));
    picture.replaceChildren(h("a", { href: "#", onclick: save }, "Save it as a picture"));
  };
  /** @param {Event} event */
  async function save(event) {
    event.preventDefault();
    try {
      const answer = await reach(address(`/radio/pictures/${named(region.region)}`, { cell, at }));
      const url = URL.createObjectURL(await answer.blob());
      h("a", { href: url, download: "coverage.png" }).click();
      URL.revokeObjectURL(url);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.textContent = error.message;
    }
  }
  try {
    await show();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    standing.hidden = true;
    told.textContent = `${known()}; ${error.message}`;
  }
  // A burst changes what is told of the region, too: its first makes a map where there was none.
  const refresh = refresher(async () => {
    region = (await ask("/radio")).items.find((/** @type {any} */ each) => each.region === region.region) ?? region;
    await show();
  }, 2000);
  return { change: (/** @type {any} */ { kind, data }) => kind === "updates" && data.change === "calibrated" && refresh(), stop: () => { refresh.stop(); map.stop(); } };
}

/**
 * What stands on the map, for who can't point at it: who comes to a name sees it there.
 * @param {any[]} items @param {(one: any) => void} point Told of an antenna, or of null.
 */
function antennaTable(items, point) {
  const of = (/** @type {any} */ row) => h("a", {
    href: link(pageOf(row.cell)), title: row.cell, onfocus: () => point(row), onblur: () => point(null), onmouseenter: () => point(row), onmouseleave: () => point(null) }, short(row.cell));
  return table("Antennas of the map, as the inventory declares them", [
    { title: "Cell", name: true, of, by: (row) => row.cell },
    { title: "Azimuth", number: true, of: (row) => `${number(row.azimuth_deg)}°`, by: (row) => row.azimuth_deg },
    { title: "Tilt", number: true, of: (row) => `${number(row.tilt_deg)}°`, by: (row) => row.tilt_deg },
    { title: "East", number: true, of: (row) => number(row.x, "m"), by: (row) => row.x },
    { title: "North", number: true, of: (row) => number(row.y, "m"), by: (row) => row.y },
    { title: "Up", number: true, of: (row) => number(row.z, "m"), by: (row) => row.z },
    { title: "Site", name: true, of: (row) => (row.site ? h("a", { href: link(pageOf(row.site)), title: row.site }, short(row.site)) : "–"), by: (row) => row.site ?? "" },
  ], items);
}

const NARROW = 600;

/**
 * The bar of colours: above the map where there is no room beside it.
 * @param {HTMLElement} element
 */
function bar(element) {
  return { title: { text: "dBm" }, thickness: 16, orientation: element.clientWidth < NARROW ? "h" : "v" };
}
