// @ts-check
/** Models: who speaks, who waits, and how right they have been. */

import { ask, named, tell } from "../api.js";
import { card, h } from "../dom.js";
import { clock, duration, number, share } from "../format.js";
import { refresher } from "../refresh.js";
import { table } from "../table.js";

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function models(root, { at }) {
  const [list, figures, scores, told] = [h("div"), h("div"), h("div"), h("p", { role: "status" })];
  root.replaceChildren(h("h1", {}, at ? `Models at ${clock(at)}` : "Models"),
    card("Champion and challengers", "wide", told, list),
    card("How good predictions have been", "wide", figures),
    card("Scores of what predicts", "wide", scores));
  const show = async () => {
    const [known, days, scored] = await Promise.all([
      ask("/models", { all: true, at }), ask("/events", { kind: "monitoring", until: at, limit: 1000 }),
      scoresBy(at)]);
    const state = stateOf(known.items);
    list.replaceChildren(modelTable([...known.items].reverse(), at ? null : act));
    figures.replaceChildren(figureTable(newest(days.items.map((/** @type {any} */ each) => each.body).filter((/** @type {any} */ each) => each.group === "all")), state));
    scores.replaceChildren(scoreTable(scored));
  };
  /** @param {any} row @param {string} what */
  async function act(row, what) {
    try {
      await tell("POST", `/models/${named(row.model)}/${what}`, { targets: [row.target], reason: "from the dashboard" });
      told.textContent = `${what}: ${row.model} for ${row.target}`;
    } catch (error) {
      told.textContent = error instanceof Error ? error.message : String(error);
    }
    await refresh.now();
  }
  await show();
  const refresh = refresher(show, 1000);
  return { change: (/** @type {any} */ { kind, data }) => (["scores", "comparisons"].includes(kind) || data.change === "model") && refresh(), stop: refresh.stop };
}

/** @param {string} at What had been said by then, or now: the newest of each target and version. */
async function scoresBy(at) {
  const [now, said] = await Promise.all([at ? { items: [] } : ask("/scores"), ask("/events", { kind: "scores", until: at, limit: 1000 })]);
  return newest([...now.items, ...said.items.map((/** @type {any} */ each) => each.body)]);
}

/**
 * The newest of each target, version and partition, newest first. A version that no longer speaks keeps its last word.
 * @param {any[]} bodies
 */
function newest(bodies) {
  /** @type {Map<string, any>} */
  const found = new Map();
  for (const each of bodies) {
    // A score's id ends in its time: what is before that names target and partition.
    const place = each.partition === undefined ? each.id.slice(0, each.id.lastIndexOf("/")) : `${each.target} ${each.partition} ${each.granularity_s}`;
    const key = `${place} ${each.model_version}`;
    const known = found.get(key);
    if (!known || Date.parse(each.time) > Date.parse(known.time)) found.set(key, each);
  }
  return [...found.values()].sort((a, b) => Date.parse(b.time) - Date.parse(a.time) || (a.target < b.target ? -1 : 1));
}

/**
 * What state a version is in.
 * @param {any[]} items Rows of the registry.
 * @returns {(row: any) => string}
 */
function stateOf(items) {
  const known = new Map(items.map((each) => [`${each.model} ${each.target}`, each.state]));
  // A failure's target has the kind of objects behind it; with a blend the batch model is one of two.
  return (row) => row.model_version.split("+").flatMap((/** @type {string} */ model) =>
    [row.target, row.target.slice(0, row.target.lastIndexOf(" "))].flatMap((target) => known.get(`${model} ${target}`) ?? []))[0] ?? "–";
}

/** Scores of a training report, on data that were held out. */
const HELD_OUT = /** @type {[string, string][]} */ ([["averagePrecision", "Precision"], ["logLoss", "Log loss"], ["calibrationLoss", "Off by"]]);

/** @param {any} row Against whom it is compared, and how it stands. */
function gained(row) {
  if (!row.against) return "–";
  return row.events ? `${share(row.gain)} on ${number(row.events)}` : "nothing yet";
}

/** @param {any[]} items @param {((row: any, what: string) => void) | null} act Null: they are only shown. */
function modelTable(items, act) {
  const button = (/** @type {any} */ row, /** @type {string} */ what, /** @type {string} */ text) =>
    h("button", { type: "button", onclick: () => act?.(row, what), "aria-label": `${text} ${row.model} for ${row.target}` }, text);
  return table("Every version, newest first: average precision, log loss and error of probabilities on held-out data, and the log loss it saves against whom it is compared with; where none is champion the online model speaks alone", [
    { title: "State", of: (row) => (row.state === "champion" ? h("strong", {}, row.state) : row.state), by: (row) => row.state },
    { title: "Model", name: true, of: (row) => row.model, by: (row) => row.model },
    { title: "Target", of: (row) => row.target, by: (row) => row.target },
    { title: "Since", of: (row) => clock(row.since), by: (row) => row.since },
    ...HELD_OUT.map(([name, title]) => ({ title, number: true, of: (/** @type {any} */ row) => number(row.scores?.[name]), by: (/** @type {any} */ row) => row.scores?.[name] ?? -Infinity })),
    { title: "Saves", number: true, of: gained, by: (row) => row.gain ?? -Infinity },
    ...(act ? [{ title: "Decide", of: (/** @type {any} */ row) => h("span", {}, row.state === "shadow" ? button(row, "promote", "Promote") : "", " ", row.state === "retired" ? "" : button(row, "retire", "Retire")) }] : []),
    { title: "Gate", words: true, of: (row) => [row.verdict, row.reason].filter(Boolean).join(": ") },
  ], items);
}

/** @param {any[]} items @param {(row: any) => string} state */
function figureTable(items, state) {
  const of = (/** @type {string} */ name, /** @type {(value: number | null) => string} */ show) => ({
    number: true, of: (/** @type {any} */ row) => show(row.figures[name]), by: (/** @type {any} */ row) => row.figures[name] ?? -Infinity });
  return table("Over the last days, from labels that have matured", [
    { title: "State", of: state, by: state },
    { title: "Target", of: (row) => row.target, by: (row) => row.target },
    { title: "Model", name: true, of: (row) => row.model_version, by: (row) => row.model_version },
    { title: "Partition", number: true, of: (row) => number(row.partition), by: (row) => row.partition },
    { title: "Lead time", ...of("lead_time_s", duration) },
    { title: "Episodes warned of", ...of("episode_recall", share) },
    { title: "Warnings that came true", ...of("precision", share) },
    { title: "Probabilities off by", ...of("calibration_error", share) },
    { title: "False alarms a cell and day", ...of("false_alarms_per_cell_day", number) },
    { title: "Labels", ...of("n", number) },
    { title: "By", of: (row) => clock(row.time), by: (row) => row.time },
  ], items);
}

/** @param {any[]} items */
function scoreTable(items) {
  const metrics = [...new Set(items.flatMap((each) => Object.keys(each.metrics)))].slice(0, 10);
  return table("Progressive scores over the labels that matured lately", [
    { title: "Target", of: (row) => row.target, by: (row) => row.target },
    { title: "Version", name: true, of: (row) => row.model_version, by: (row) => row.model_version },
    { title: "At", of: (row) => clock(row.time), by: (row) => row.time },
    ...metrics.map((metric) => ({ title: metric, number: true, of: (/** @type {any} */ row) => number(row.metrics[metric]), by: (/** @type {any} */ row) => row.metrics[metric] ?? -Infinity })),
  ], items);
}
