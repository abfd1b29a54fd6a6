// @ts-check
/** The network at one look: the map, coloured by what is asked for, the worst cells, and congestion to come. */

import { ask } from "../api.js";
import { card, choice, h, mark } from "../dom.js";
import { clock, duration, horizon, number, pageOf, share, short } from "../format.js";
import { SectorMap } from "../map/map.js";
import { byCondition, byNumber, bySeverity, drawScale } from "../map/scale.js";
import { Sectors } from "../map/sectors.js";
import { refresher } from "../refresh.js";
import { link, put } from "../route.js";
import { table } from "../table.js";

const FIRST = "RRU.PrbTotDl";
/** Probability from which congestion to come is listed, and from which it counts as likely. */
const [LEAST, LIKELY] = [0.2, 0.5];

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function overview(root, { at, query }) {
  const [layout, counters] = await Promise.all([ask("/layout", { kind: "cell", at }), ask("/counters")]);
  const sectors = new Sectors(layout);
  const names = counters.items.map((/** @type {any} */ each) => each.counter);
  const units = Object.fromEntries(counters.items.map((/** @type {any} */ each) => [each.counter, each.unit]));
  const by = query.get("by") ?? "condition";
  const counter = names.includes(by) ? by : names.includes(FIRST) ? FIRST : names[0] ?? FIRST;
  const columns = () => ask("/columns", { kind: "cell", counter, at });
  let data = await columns();
  const targets = Object.keys(data.probability);
  const of = (/** @type {string} */ target) => `soon ${target}`;

  const map = new SectorMap(sectors, (cell) => (location.hash = link(pageOf(sectors.names[cell]))), (cell) => tip(cell));
  const legend = h("div", { class: "legend" });
  const worst = h("div");
  const next = h("div");
  const options = /** @type {[string, string][]} */ ([
    ["condition", "condition"], ["severity", "worst alarm"],
    ...targets.map((target) => [of(target), `congestion soon: ${target}`]),
    ...names.map((/** @type {string} */ name) => [name, name]),
  ]);
  root.replaceChildren(
    h("h1", {}, at ? `The network at ${clock(at)}` : "The network"),
    card("Map", "two-thirds",
      h("div", { class: "tools" }, choice("Coloured by", options, by, (value) => put({ by: value === "condition" ? "" : value })),
        h("button", { type: "button", onclick: () => map.zoom(1.5) }, "Closer"), h("button", { type: "button", onclick: () => map.zoom(1 / 1.5) }, "Farther"),
        sectors.placed ? "" : h("span", { class: "faint" }, "No inventory says where the cells stand: they are laid out by site.")),
      map.element, legend),
    card("Congestion to come", "third", next),
    card(`Highest ${counter}`, "wide", worst),
  );

  const show = () => {
    const painted = by === "condition" ? byCondition(data.condition)
      : by === "severity" ? bySeverity(data.severity)
      : by.startsWith("soon ") ? byNumber(data.probability[by.slice(5)] ?? data.dn.map(() => null), [0, 1])
      : byNumber(data.values[counter], units[counter] === "%" ? [0, 100] : null);
    // The map is laid out once: what has been found since is drawn when the page is opened again.
    if (data.dn.length === sectors.names.length) map.paint(painted, data.condition);
    const scale = /** @type {HTMLCanvasElement} */ (h("canvas", { "aria-hidden": "true" }));
    drawScale(scale);
    const unit = by.startsWith("soon ") ? "" : units[counter] ?? "";
    legend.replaceChildren(...(painted.legend.length
      ? painted.legend.map(([name, fill]) => h("span", {}, swatch(fill, name === "asleep"), name))
      : [h("span", {}, number(painted.low, unit)), scale, h("span", {}, number(painted.high, unit))]),
      h("span", { class: "faint" }, "hollow: asleep, or no value"));
    worst.replaceChildren(worstTable(data, counter, units[counter] ?? ""));
  };
  const tip = (/** @type {number} */ cell) =>
    `${short(sectors.names[cell])}: ${data.condition[cell]}, ${counter} ${number(data.values[counter][cell], units[counter])}`;
  const foretell = async () => {
    if (at) next.replaceChildren(soonTable(foretoldThen(data)));
    else next.replaceChildren(soonTable((await ask("/predictions/congestion", { least: LEAST, limit: 50 })).items));
  };
  show();
  // Colours of conditions and severities are the theme's.
  addEventListener("themechange", show);
  map.resize();
  await foretell();
  const refresh = refresher(async () => {
    data = await columns();
    show();
    await foretell();
  }, 300);
  Object.assign(root, { map });
  return {
    change: (/** @type {any} */ change) => ["state", "congestion", "updates"].includes(change.kind) && refresh(),
    stop: () => {
      removeEventListener("themechange", show);
      refresh.stop();
      map.stop();
    },
  };
}

/**
 * What was foretold at the moment that is shown, likeliest first: the history keeps probabilities by target.
 * @param {any} data Columns.
 */
function foretoldThen(data) {
  return Object.entries(data.probability)
    .flatMap(([target, column]) => data.dn.map((/** @type {string} */ cell, /** @type {number} */ at) => ({ cell, target, horizon_s: horizon(target), probability: /** @type {any} */ (column)[at] })))
    .filter((each) => each.probability >= LEAST)
    .sort((a, b) => b.probability - a.probability)
    .slice(0, 50);
}

/** @param {string} fill @param {boolean} hollow As on the map. */
function swatch(fill, hollow) {
  const made = h("span", { class: "swatch" });
  if (hollow) made.style.border = `2px solid ${fill}`;
  else made.style.background = fill;
  return made;
}

/** @param {any} data @param {string} counter @param {string} unit */
function worstTable(data, counter, unit) {
  const rows = data.dn.map((/** @type {string} */ dn, /** @type {number} */ at) => ({
    dn, condition: data.condition[at], severity: data.severity[at], value: data.values[counter][at],
    ...soonest(data.probability, at),
  }));
  rows.sort((/** @type {any} */ a, /** @type {any} */ b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
  return table("All cells, highest first", [
    { title: "Cell", name: true, of: (row) => h("a", { href: link(pageOf(row.dn)), title: row.dn }, short(row.dn)), by: (row) => row.dn },
    { title: counter, number: true, of: (row) => number(row.value, unit), by: (row) => row.value ?? -Infinity },
    { title: "Congested soon", number: true, of: (row) => (row.soon < 0 ? "–" : share(row.soon)), by: (row) => row.soon },
    { title: "Lead time", number: true, of: (row) => (row.soon < LIKELY ? "–" : duration(row.lead)), by: (row) => (row.soon < LIKELY ? Infinity : row.lead) },
    { title: "Condition", of: (row) => mark(row.condition), by: (row) => row.condition },
    { title: "Worst alarm", of: (row) => mark(row.severity), by: (row) => row.severity ?? "~" },
  ], rows, 60);
}

/**
 * How likely a cell is to be congested, and how long before: the nearest horizon at which it is likelier than not.
 * @param {Record<string, (number | null)[]>} probability @param {number} at
 */
function soonest(probability, at) {
  const known = Object.entries(probability)
    .map(([target, column]) => ({ soon: column[at] ?? -1, lead: horizon(target) }))
    .sort((a, b) => a.lead - b.lead);
  const most = known.reduce((best, each) => (each.soon > best.soon ? each : best), { soon: -1, lead: NaN });
  return { soon: most.soon, lead: (known.find((each) => each.soon >= LIKELY) ?? most).lead };
}

/** @param {any[]} items */
function soonTable(items) {
  return table("Cells likely to be congested", [
    { title: "Cell", name: true, of: (row) => h("a", { href: link(pageOf(row.cell)), title: row.cell }, short(row.cell)), by: (row) => row.cell },
    { title: "Probability", number: true, of: (row) => share(row.probability), by: (row) => row.probability },
    { title: "Lead time", number: true, of: (row) => duration(row.horizon_s), by: (row) => row.horizon_s },
    { title: "Target", name: true, of: (row) => row.target, by: (row) => row.target },
  ], items, 50);
}
