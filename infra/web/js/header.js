// @ts-check
/** The head of every page: what is wrong, how old it is, how well the twin agrees with the network. */

import { ask } from "./api.js";
import { h, one } from "./dom.js";
import { duration, number, share } from "./format.js";

const SEVERITIES = ["CRITICAL", "MAJOR", "MINOR", "WARNING"];
const CONDITIONS = ["up", "asleep", "failed", "silent"];

/** Read the summary and show it. */
export async function showSummary() {
  const said = await ask("/summary");
  const open = ["NOT_STARTED", "IN_PROGRESS", "CANCELLING"].reduce((sum, key) => sum + (said.bursts[key] ?? 0), 0);
  const alarms = SEVERITIES.filter((key) => said.alarms[key]).map((key) => level(key, said.alarms[key]));
  const cells = CONDITIONS.filter((key) => said.cells[key]).map((key) => level(key, said.cells[key]));
  one("#summary").replaceChildren(
    item("Alarms", alarms.length ? alarms : ["none"]),
    item("Cells", cells.length ? cells : ["none"]),
    item("Congested soon", [number(said.congested_soon)]),
    item("Event lag", [duration(said.lag.event_time_s)]),
    item("Behind", [said.lag.records === null ? "database away" : `${number(said.lag.records)} records`]),
    item("Staleness p50 / p95", [`${duration(said.staleness_s.p50)} / ${duration(said.staleness_s.p95)}`]),
    item("Fidelity", [share(said.fidelity)]),
    item("Bursts open", [number(open)]),
  );
  document.title = `Lockstep: ${said.alarms.CRITICAL ?? 0} critical`;
  return said;
}

/**
 * The same of a past moment, as far as it can be told: what was measured, not how the twin's processes were.
 * @param {string} at
 */
export async function showPast(at) {
  const said = await ask("/columns", { kind: "cell", at });
  const counted = (/** @type {(string | null)[]} */ column, /** @type {string[]} */ keys) =>
    keys.map((key) => /** @type {[string, number]} */ ([key, column.filter((each) => each === key).length])).filter(([, count]) => count);
  const alarms = counted(said.severity, SEVERITIES).map(([key, count]) => level(key, count));
  const cells = counted(said.condition, CONDITIONS).map(([key, count]) => level(key, count));
  one("#summary").replaceChildren(
    item("Cells with alarms, then", alarms.length ? alarms : ["none"]),
    item("Cells, then", cells.length ? cells : ["none"]),
  );
}

/** @param {string} name @param {(Node | string)[]} values */
function item(name, values) {
  return h("div", {}, h("dt", {}, name), h("dd", {}, ...values.flatMap((value, at) => (at ? [" ", value] : [value]))));
}

/** @param {string} key @param {number} count */
function level(key, count) {
  return h("span", { class: "mark", "data-level": key }, `${number(count)} ${key.toLowerCase()}`);
}
