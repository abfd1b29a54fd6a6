// @ts-check
/** Models: who speaks, who waits, and how right they have been. */

import { ask, named, tell } from "../api.js";
import { card, h } from "../dom.js";
import { clock, number, share } from "../format.js";
import { soon } from "../soon.js";
import { table } from "../table.js";

/** @param {HTMLElement} root */
export async function models(root) {
  const [list, scores, told] = [h("div"), h("div"), h("p", { role: "status" })];
  root.replaceChildren(h("h1", {}, "Models"), card("Champion and challengers", "wide", told, list), card("Scores of what predicts now", "wide", scores));
  const show = async () => {
    const [known, scored] = await Promise.all([ask("/models", { all: true }), ask("/scores")]);
    list.replaceChildren(modelTable(known.items, act));
    scores.replaceChildren(scoreTable(scored.items));
  };
  /** @param {any} row @param {string} what */
  async function act(row, what) {
    try {
      await tell("POST", `/models/${named(row.model)}/${what}`, { targets: [row.target], reason: "from the dashboard" });
      told.textContent = `${what}: ${row.model} for ${row.target}`;
    } catch (error) {
      told.textContent = error instanceof Error ? error.message : String(error);
    }
    await show();
  }
  await show();
  const refresh = soon(show, 1000);
  return { change: (/** @type {any} */ { kind, data }) => (["scores", "comparisons"].includes(kind) || data.change === "model") && refresh(), stop: refresh.stop };
}

/** @param {any[]} items @param {(row: any, what: string) => void} act */
function modelTable(items, act) {
  const button = (/** @type {any} */ row, /** @type {string} */ what, /** @type {string} */ text) =>
    h("button", { type: "button", onclick: () => act(row, what), "aria-label": `${text} ${row.model} for ${row.target}` }, text);
  return table("Batch models; where none is champion the online model speaks alone", [
    { title: "Model", name: true, of: (row) => row.model, by: (row) => row.model },
    { title: "Target", of: (row) => row.target, by: (row) => row.target },
    { title: "State", of: (row) => row.state, by: (row) => row.state },
    { title: "Since", of: (row) => clock(row.since), by: (row) => row.since },
    { title: "Gain", number: true, of: (row) => share(row.gain), by: (row) => row.gain ?? -Infinity },
    { title: "On", number: true, of: (row) => `${number(row.events)} events`, by: (row) => row.events },
    { title: "Gate", of: (row) => [row.verdict, row.reason].filter(Boolean).join(": ") },
    { title: "Decide", of: (row) => h("span", {}, row.state === "shadow" ? button(row, "promote", "Promote") : "", " ", row.state === "retired" ? "" : button(row, "retire", "Retire")) },
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
