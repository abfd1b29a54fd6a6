// @ts-check
/** One object: what was measured, what the twin expects and foretells, and everything else that is known of it. */

import { Problem, ask, named } from "../api.js";
import { chart, colour } from "../chart.js";
import { card, choice, h, mark } from "../dom.js";
import { clock, duration, number, pageOf, share, short } from "../format.js";
import { refresher } from "../refresh.js";
import { link, put } from "../route.js";
import { table } from "../table.js";
import { alarmTable } from "./alarms.js";

const HOURS = 24;

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function object(root, { at, name, query }) {
  const [said, near] = await Promise.all([ask(`/state/${named(name)}`, { at }), ask(`/neighbours/${named(name)}`, { at }).catch(nothing)]);
  let state = said.objects[0];
  const counters = [...new Set(state.values.map((/** @type {any} */ value) => value.counter))];
  const counter = query.get("counter") ?? (counters.includes("RRU.PrbTotDl") ? "RRU.PrbTotDl" : String(counters[0] ?? ""));
  const lines = chart(`${counter} of ${name}: measured, expected by the twin, foretold`);
  const values = h("div");
  const alarms = h("div");
  const foretold = h("div");
  const condition = h("span");
  const title = h("h1", { title: name }, `${state.kind ?? "object"} ${short(name)} `, condition);
  root.replaceChildren(
    title,
    card("Measured, expected, foretold", "two-thirds",
      counters.length ? h("div", { class: "tools" }, choice("Counter", counters.map((each) => [String(each), String(each)]), counter, (value) => put({ counter: value }))) : null,
      lines.element),
    card("What is foretold", "third", foretold),
    card("Last known values", "third", values),
    card("Declared and reported", "third", declared(state)),
    card("Near it", "third", around(near)),
    card("Alarms", "wide", alarms),
  );

  const show = async () => {
    condition.replaceChildren(state.kind === "cell" && state.condition ? mark(state.condition) : "");
    values.replaceChildren(valueTable(state.values));
    alarms.replaceChildren(alarmTable(state.alarms, null));
    const told = at ? [] : (await ask("/predictions/congestion", { below: name })).items.filter((/** @type {any} */ each) => each.cell === name);
    const said = at ? await toldThen(name, at) : told.map(prediction);
    foretold.replaceChildren(...(said.length ? said : [h("p", { class: "faint" }, at ? "Nothing was foretold of it." : "Nothing is foretold of it.")]));
    if (!counter) return;
    const newest = state.values.find((/** @type {any} */ value) => value.counter === counter)?.as_of;
    const until = new Date(at || newest || Date.now());
    const since = new Date(until.getTime() - HOURS * 3600000);
    const page = await ask("/history", { dn: name, counter, since: since.toISOString(), until: until.toISOString(), bucket: "raw", limit: 1000 });
    lines.draw(() => traces(page.series, told.filter((/** @type {any} */ each) => each.counter === counter), counter));
  };
  await show();
  const refresh = refresher(async () => {
    state = (await ask(`/state/${named(name)}`)).objects[0];
    await show();
  }, 300);
  const element = name.split(",").slice(0, -2).join(",");
  return {
    change: (/** @type {any} */ { kind, data }) => {
      const mine = kind !== "state" || data.more || data.elements.some((/** @type {string} */ each) => name.startsWith(each) || each === element);
      if (mine && ["state", "congestion", "updates", "failure"].includes(kind)) refresh();
    },
    stop: () => {
      refresh.stop();
      lines.stop();
    },
  };
}

/**
 * What was foretold at a past moment: the history keeps the probabilities.
 * @param {string} name @param {string} at
 */
async function toldThen(name, at) {
  const then = await ask("/columns", { below: name, at });
  const place = then.dn.indexOf(name);
  return Object.entries(then.probability)
    .map(([target, column]) => /** @type {[string, number | null]} */ ([target, /** @type {any} */ (column)[place] ?? null]))
    .filter(([, probability]) => probability !== null)
    .map(([target, probability]) => h("p", {}, h("strong", {}, share(probability)), ` likely: ${target}`));
}

/** @param {unknown} error */
function nothing(error) {
  if (error instanceof Problem && error.status === 404) return null;
  throw error;
}

/** @param {any[]} series @param {any[]} told @param {string} counter @returns {[any[], any]} */
function traces(series, told, counter) {
  const one = series[0];
  if (!one) return [[], { annotations: [{ text: "no history in this time", showarrow: false }] }];
  const made = [];
  const expected = one.expected ?? [];
  const rest = one.value.map((/** @type {number | null} */ value, /** @type {number} */ at) => (value === null || expected[at] === null || expected[at] === undefined ? null : value - expected[at]))
    .filter((/** @type {number | null} */ value) => value !== null);
  if (rest.length > 3) {
    const spread = Math.sqrt(rest.reduce((/** @type {number} */ sum, /** @type {number} */ value) => sum + value * value, 0) / rest.length);
    const edge = (/** @type {number} */ sign) => expected.map((/** @type {number | null} */ value) => (value === null ? null : value + sign * 2 * spread));
    made.push({ x: one.time, y: edge(-1), mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false });
    made.push({ x: one.time, y: edge(1), mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: colour("band"), hoverinfo: "skip", name: "± 2 deviations of this time" });
    made.push({ x: one.time, y: expected, mode: "lines", line: { color: colour("link"), dash: "dot" }, name: "expected by the twin" });
  }
  made.push({ x: one.time, y: one.value, mode: "lines+markers", marker: { size: 4 }, line: { color: colour("text"), width: 1.5 }, name: "measured" });
  if (told.length) made.push(...forecast(one, told));
  const limits = [...new Set(told.map((each) => each.threshold))];
  const shapes = limits.map((limit) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: limit, y1: limit, line: { color: colour("critical"), width: 1, dash: "dash" } }));
  return [made, { shapes, yaxis: { title: { text: one.unit ? `${counter} [${one.unit}]` : counter } } }];
}

/**
 * What is to come: from the last value to the forecasts, within what they have been off by so far.
 * @param {any} one The series. @param {any[]} told
 */
function forecast(one, told) {
  const ahead = [...new Map(told.map((each) => [each.horizon_s, each])).values()].sort((a, b) => a.horizon_s - b.horizon_s);
  const last = one.value.findLastIndex((/** @type {number | null} */ value) => value !== null);
  const x = [one.time[last], ...ahead.map((each) => each.speaks_of)];
  // No counter of traffic is below nothing, nor does the model foretell it.
  const edge = (/** @type {number} */ sign) => [one.value[last], ...ahead.map((each) => (each.sigma === null ? each.expected : Math.max(0, each.expected + sign * 2 * each.sigma)))];
  const line = { color: colour("major"), width: 1.5, dash: "dot" };
  const made = [];
  if (ahead.some((each) => each.sigma !== null)) {
    made.push({ x, y: edge(-1), mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false });
    made.push({ x, y: edge(1), mode: "lines", line: { width: 0 }, fill: "tonexty", fillcolor: colour("forecast"), hoverinfo: "skip", name: "± 2 deviations of forecasts so far" });
  }
  const text = ["", ...ahead.map((each) => told.filter((other) => other.horizon_s === each.horizon_s).map((other) => `above ${number(other.threshold)}: ${share(other.probability)}`).join(", "))];
  made.push({ x, y: [one.value[last], ...ahead.map((each) => each.expected)], mode: "lines+markers", line, marker: { size: [0, ...ahead.map(() => 10)], symbol: "diamond", color: colour("major") }, text, name: "foretold" });
  return made;
}

/** @param {any} told */
function prediction(told) {
  const drivers = told.drivers.map((/** @type {string} */ driver, /** @type {number} */ at) => h("li", {}, `${driver} (${number(told.contributions[at])})`));
  return h("div", {},
    h("p", {}, h("strong", {}, share(told.probability)), ` likely to be above ${number(told.threshold)} in ${duration(told.horizon_s)}, at ${clock(told.speaks_of)}`),
    h("p", { class: "faint" }, `${told.model}, version ${told.model_version}, tier ${told.tier}; what moved it most, in log-odds:`),
    h("ul", {}, ...drivers));
}

/** @param {any[]} values */
function valueTable(values) {
  return table("Values", [
    { title: "Counter", name: true, of: (row) => row.counter, by: (row) => row.counter },
    { title: "Value", number: true, of: (row) => number(row.value, row.unit), by: (row) => row.value ?? -Infinity },
    { title: "Of", of: (row) => clock(row.as_of).replace(",\u00a0", ", ") + (row.suspect ? ", doubted by its source" : ""), by: (row) => row.as_of },
  ], values);
}

/** @param {any} state */
function declared(state) {
  const names = [...new Set([...Object.keys(state.desired), ...Object.keys(state.reported)])].sort();
  return table("Attributes", [
    { title: "Attribute", name: true, of: (row) => row, by: (row) => row },
    { title: "Declared", of: (row) => String(state.desired[row] ?? "–") },
    { title: "Reported", of: (row) => h("span", { class: row in state.deviations ? "mark" : false, "data-level": row in state.deviations ? "MAJOR" : false }, String(state.reported[row] ?? "–")) },
  ], names);
}

/** @param {any} near */
function around(near) {
  if (!near) return h("p", { class: "faint" }, "Nothing is known of what is near it.");
  const links = (/** @type {string[]} */ names) => h("ul", {}, ...names.slice(0, 40).map((each) => h("li", {}, h("a", { href: link(pageOf(each)), title: each }, short(each)))));
  /** @type {[string, string[]][]} */
  const groups = [["Its site", near.site ? [near.site] : []], ["Of the same site", near.co_sited], ["Neighbours", near.neighbours], ["Cells below it", near.cells.filter((/** @type {string} */ each) => each !== near.dn)]];
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What is near it" },
    ...groups.filter(([, names]) => names.length).flatMap(([title, names]) => [h("p", { class: "faint" }, title), links(names)]));
}

