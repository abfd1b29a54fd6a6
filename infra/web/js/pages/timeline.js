// @ts-check
/** What has happened: drifts, bursts with what they changed, and the twin's own updates. */

import { ask } from "../api.js";
import { chart, colour } from "../chart.js";
import { card, h } from "../dom.js";
import { clock, number, pageOf, short } from "../format.js";
import { refresher } from "../refresh.js";
import { link } from "../route.js";
import { table } from "../table.js";
import { burstTable } from "./bursts.js";

const KINDS = /** @type {[string, string][]} */ ([["radio", "link"], ["traffic", "fine"], ["equipment", "major"], ["data", "minor"], ["unknown", "faint"]]);

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function timeline(root, { at }) {
  const lines = chart("Drifts by kind and size over time; the table below says the same");
  const [drifts, runs, updates] = [h("div"), h("div"), h("div")];
  root.replaceChildren(
    h("h1", {}, at ? `What had happened by ${clock(at)}` : "What has happened"),
    card("Drifts", "wide", lines.element),
    card("Drifts, newest first", "wide", drifts), card("Simulation bursts", "wide", runs), card("Updates of the twin", "wide", updates));
  const show = async () => {
    const [drifted, burst, said] = await Promise.all([
      ask("/drifts", { until: at, limit: 500 }), ask("/bursts", { limit: 1000 }), ask("/events", { kind: "updates", until: at, limit: 300 })]);
    const bodies = drifted.items.map((/** @type {any} */ each) => each.body);
    lines.draw(() => [KINDS.map(([kind, name]) => marks(bodies.filter((/** @type {any} */ each) => each.kind === kind), kind, name)).filter((each) => each.x.length),
      { yaxis: { title: { text: "evidence over threshold" }, type: "log", dtick: "D2" }, xaxis: spread(bodies), hovermode: "closest" }]);
    drifts.replaceChildren(driftTable(bodies));
    runs.replaceChildren(burstTable(burst.items.filter((/** @type {any} */ each) => !at || Date.parse(each.time) <= Date.parse(at)), null));
    updates.replaceChildren(updateTable(said.items.map((/** @type {any} */ each) => each.body)));
  };
  await show();
  const refresh = refresher(show, 1000);
  return {
    change: (/** @type {any} */ { kind }) => ["drift", "bursts", "progress", "updates"].includes(kind) && refresh(),
    stop: () => {
      refresh.stop();
      lines.stop();
    },
  };
}

const HOUR_MS = 3600000;

/**
 * An axis of time: by itself it would show milliseconds where there is one drift.
 * @param {any[]} drifts
 */
function spread(drifts) {
  const times = drifts.map((each) => Date.parse(each.time));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  return last - first < HOUR_MS && times.length ? { range: [first - HOUR_MS, last + HOUR_MS].map((each) => new Date(each).toISOString()) } : {};
}

/** @param {any[]} drifts @param {string} kind @param {string} name Of a colour. */
function marks(drifts, kind, name) {
  return {
    x: drifts.map((each) => each.time), y: drifts.map((each) => Math.max(each.evidence, 1)), mode: "markers", name: kind,
    text: drifts.map((each) => `${short(each.object)}: ${each.counter} ${each.direction} by ${number(each.size)}`),
    marker: { color: colour(name), size: 9, symbol: drifts.map((each) => (each.direction === "up" ? "triangle-up" : "triangle-down")) },
  };
}

/** @param {any[]} drifts */
function driftTable(drifts) {
  return table("Drifts", [
    { title: "When", of: (row) => clock(row.time), by: (row) => row.time },
    { title: "Object", name: true, of: (row) => h("a", { href: link(pageOf(row.object)), title: row.object }, short(row.object)), by: (row) => row.object },
    { title: "Counter", of: (row) => row.counter, by: (row) => row.counter },
    { title: "By", number: true, of: (row) => number(row.direction === "up" ? row.size : -Math.abs(row.size)), by: (row) => Math.abs(row.size) },
    { title: "Kind", of: (row) => row.kind, by: (row) => row.kind },
    { title: "Because", words: true, of: (row) => row.reasons.join("; ") },
  ], drifts);
}

/** @param {any[]} updates */
function updateTable(updates) {
  return table("Updates", [
    { title: "When", of: (row) => clock(row.time), by: (row) => row.time },
    { title: "What", of: (row) => row.change, by: (row) => row.change },
    { title: "Objects", name: true, of: (row) => row.objects.slice(0, 3).map(short).join(", ") + (row.objects.length > 3 ? ` and ${row.objects.length - 3} more` : "") },
    { title: "Detail", words: true, of: (row) => JSON.stringify(row.detail).slice(0, 200) },
  ], updates, 100);
}
