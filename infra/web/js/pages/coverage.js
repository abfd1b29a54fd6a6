// @ts-check
/** Coverage as the radio twin has it: a heat map of the strongest cell, or of one. */

import { Problem, address, ask, named, reach } from "../api.js";
import { chart, colour } from "../chart.js";
import { card, choice, h } from "../dom.js";
import { clock, number, short } from "../format.js";
import { put } from "../route.js";
import { soon } from "../soon.js";

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function coverage(root, { at, query }) {
  const regions = (await ask("/radio", { at })).items;
  if (!regions.length) {
    root.replaceChildren(h("h1", {}, "Coverage"), h("p", { class: "wide" }, "No region declares a radio scene, so there is nothing to trace: see docs/radio-twin.md."));
    return {};
  }
  const region = regions.find((/** @type {any} */ each) => each.region === query.get("region")) ?? regions[0];
  const cell = region.cells.includes(query.get("cell")) ? query.get("cell") : "";
  const map = chart(`Received power in ${region.region}`, []);
  const told = h("p", { role: "status" });
  const picture = h("p");
  root.replaceChildren(
    h("h1", {}, `Coverage of ${region.region}${at ? ` at ${clock(at)}` : ""}`),
    card("Received power of the reference signal", "wide",
      h("div", { class: "tools" },
        choice("Region", regions.map((/** @type {any} */ each) => [each.region, each.region]), region.region, (value) => put({ region: value, cell: "" })),
        choice("Cell", [["", "the strongest"], ...region.cells.map((/** @type {string} */ each) => [each, short(each)])], cell, (value) => put({ cell: value }))),
      told, map.element, picture));
  const show = async () => {
    told.textContent = `scene ${region.scene}, tier ${region.tier}, version ${region.version}, typical error ${number(region.error_db, "dB")}`;
    if (!region.map) {
      told.textContent += "; there is no traced map yet: a burst makes one";
      return;
    }
    try {
      const found = await ask(`/radio/maps/${named(region.region)}`, { cell, at });
      const [rows, columns] = found.shape;
      const x = Array.from({ length: columns }, (_, at) => found.origin[0] + at * found.step);
      const y = Array.from({ length: rows }, (_, at) => found.origin[1] + at * found.step);
      map.draw([{ type: "heatmap", x, y, z: found.rsrp, colorscale: "Viridis", colorbar: { title: { text: "dBm" } }, hovertemplate: "%{x} m, %{y} m: %{z:.1f} dBm<extra></extra>" }],
        { yaxis: { scaleanchor: "x", title: { text: "north [m]" } }, xaxis: { title: { text: "east [m]" } }, hovermode: "closest", plot_bgcolor: colour("map") });
      picture.replaceChildren(h("a", { href: "#", onclick: (/** @type {Event} */ event) => save(event, region.region, cell, at) }, "Save it as a picture"));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      told.textContent += `; ${error.message}`;
    }
  };
  await show();
  const refresh = soon(show, 2000);
  return { change: (/** @type {any} */ { kind, data }) => kind === "updates" && data.change === "calibrated" && refresh(), stop: () => { refresh.stop(); map.stop(); } };
}

/** @param {Event} event @param {string} region @param {string} cell @param {string} at */
async function save(event, region, cell, at) {
  event.preventDefault();
  const answer = await reach(address(`/radio/pictures/${named(region)}`, { cell, at }));
  const url = URL.createObjectURL(await answer.blob());
  const anchor = /** @type {HTMLAnchorElement} */ (h("a", { href: url, download: "coverage.png" }));
  anchor.click();
  URL.revokeObjectURL(url);
}
