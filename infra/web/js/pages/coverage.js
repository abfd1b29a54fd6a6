// @ts-check
/** Coverage as the radio twin has it: a heat map of the strongest cell, or of one. */

import { Problem, address, ask, named, reach } from "../api.js";
import { chart, colour } from "../chart.js";
import { card, choice, h } from "../dom.js";
import { clock, number, short } from "../format.js";
import { refresher } from "../refresh.js";
import { put } from "../route.js";

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function coverage(root, { at, query }) {
  const regions = (await ask("/radio", { at })).items;
  if (!regions.length) {
    root.replaceChildren(h("h1", {}, "Coverage"), h("p", { class: "wide" }, "No region declares a radio scene, so there is nothing to trace: see docs/radio-twin.md."));
    return {};
  }
  let region = regions.find((/** @type {any} */ each) => each.region === query.get("region")) ?? regions[0];
  const cell = region.cells.includes(query.get("cell")) ? query.get("cell") : "";
  const map = chart(`Received power in ${region.region}`);
  map.element.classList.add("ground");
  const told = h("p", { role: "status" });
  const picture = h("p");
  root.replaceChildren(
    h("h1", { title: region.region }, `Coverage of ${short(region.region)}${at ? ` at ${clock(at)}` : ""}`),
    card("Received power of the reference signal", "wide",
      h("div", { class: "tools" },
        choice("Region", regions.map((/** @type {any} */ each) => [each.region, each.region]), region.region, (value) => put({ region: value, cell: "" })),
        choice("Cell", [["", "the strongest"], ...region.cells.map((/** @type {string} */ each) => [each, short(each)])], cell, (value) => put({ cell: value }))),
      told, map.element, picture));
  const known = () => `scene ${region.scene}, tier ${region.tier}, version ${region.version}, typical error ${number(region.error_db, "dB")}`;
  const show = async () => {
    map.element.hidden = !region.map;
    if (!region.map) {
      told.textContent = `${known()}; there is no traced map yet: a burst makes one`;
      return;
    }
    const found = await ask(`/radio/maps/${named(region.region)}`, { cell, at });
    told.textContent = known();
    const [rows, columns] = found.shape;
    const x = Array.from({ length: columns }, (_, at) => found.origin[0] + at * found.step);
    const y = Array.from({ length: rows }, (_, at) => found.origin[1] + at * found.step);
    map.element.style.aspectRatio = `${columns} / ${rows}`;
    map.draw(() => [[{ type: "heatmap", x, y, z: found.rsrp, colorscale: "Viridis", colorbar: bar(map.element), hovertemplate: "%{x} m, %{y} m: %{z:.1f} dBm<extra></extra>" }],
      { yaxis: { scaleanchor: "x", constrain: "domain", title: { text: "north [m]" } }, xaxis: { constrain: "domain", nticks: 6, title: { text: "east [m]" } }, hovermode: "closest", plot_bgcolor: colour("map") }]);
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
    told.textContent = `${known()}; ${error.message}`;
  }
  // A burst changes what is told of the region, too: its first makes a map where there was none.
  const refresh = refresher(async () => {
    region = (await ask("/radio")).items.find((/** @type {any} */ each) => each.region === region.region) ?? region;
    await show();
  }, 2000);
  return { change: (/** @type {any} */ { kind, data }) => kind === "updates" && data.change === "calibrated" && refresh(), stop: () => { refresh.stop(); map.stop(); } };
}

const NARROW = 600;

/**
 * The bar of colours: above the map where there is no room beside it.
 * @param {HTMLElement} element
 */
function bar(element) {
  return { title: { text: "dBm" }, thickness: 16, orientation: element.clientWidth < NARROW ? "h" : "v" };
}
