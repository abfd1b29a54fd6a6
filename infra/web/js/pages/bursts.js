// @ts-check
/** Simulation bursts: asked for, followed, given up. */

import { all, ask, named, tell } from "../api.js";
import { card, h } from "../dom.js";
import { clock, duration, number, short } from "../format.js";
import { refresher } from "../refresh.js";
import { table } from "../table.js";

const MOST = 1000;
const OVER = ["FINISHED", "FAILED", "CANCELLED"];

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function bursts(root, { at }) {
  const list = h("div");
  const told = h("p", { role: "status" });
  const regions = at ? [] : (await ask("/radio")).items;
  const starts = regions.map((/** @type {any} */ each) =>
    h("button", { type: "button", class: "main", onclick: () => act(() => tell("POST", "/bursts", { region: each.region }), `asked for a burst of ${each.region}`) }, `Look again at ${each.region}`));
  root.replaceChildren(h("h1", {}, at ? `Simulation bursts asked for by ${clock(at)}` : "Simulation bursts"),
    card("Requests", "wide",
      h("div", { class: "tools" }, ...(starts.length ? starts : [h("span", { class: "faint" }, at ? "What became of them is as it is known now." : "No region declares a radio scene.")])), told, list));
  const asked = async () => (await all("/bursts", {}, MOST)).filter((/** @type {any} */ each) => !at || Date.parse(each.time) <= Date.parse(at));
  const show = async () => list.replaceChildren(burstTable(await asked(), at ? null : (one) => act(() => tell("DELETE", `/bursts/${named(one.request)}`), `giving up ${one.request}`)));
  /** @param {() => Promise<any>} what @param {string} word */
  async function act(what, word) {
    try {
      await what();
      told.textContent = word;
    } catch (error) {
      told.textContent = error instanceof Error ? error.message : String(error);
    }
    await refresh.now();
  }
  await show();
  const refresh = refresher(show, 300);
  return { change: (/** @type {any} */ { kind }) => ["bursts", "progress"].includes(kind) && refresh(), stop: refresh.stop };
}

/**
 * A table of bursts.
 * @param {any[]} items @param {((one: any) => void) | null} cancel Null: they are only shown.
 */
export function burstTable(items, cancel) {
  return table("Bursts, newest first", [
    { title: "Asked", of: (row) => clock(row.time), by: (row) => row.time },
    { title: "Region", name: true, of: (row) => row.region, by: (row) => row.region },
    { title: "Why", of: (row) => row.reason },
    { title: "Status", of: (row) => row.status.toLowerCase().replaceAll("_", " "), by: (row) => row.status },
    { title: "Progress", of: (row) => h("span", {}, h("progress", { max: 100, value: row.percent, "aria-label": `${row.percent} percent` }), ` ${row.stage}`), by: (row) => row.percent },
    { title: "Took", number: true, of: took, by: (row) => row.seconds },
    { title: "Error before / after", number: true, of: (row) => `${number(row.before, "dB")} / ${number(row.after, "dB")}`, by: (row) => row.before ?? -1 },
    { title: "Parameters before and after", words: true, of: (row) => parameters(row.parameters) },
    { title: "Verdict", words: true, of: (row) => [row.verdict, row.finding, row.detail].filter(Boolean).join(": ") },
    ...(cancel ? [{ title: "Cancel", of: (/** @type {any} */ row) => (OVER.includes(row.status) ? "" : h("button", { type: "button", onclick: () => cancel(row), "aria-label": `Cancel ${row.request}` }, "Cancel")) }] : []),
  ], items, 100);
}

/**
 * How long it has taken; of what isn't over since when it runs, and where only its end was heard when that was.
 * @param {any} row
 */
function took(row) {
  if (!OVER.includes(row.status)) return row.begun ? `since ${clock(row.begun)}` : "";
  if (row.begun || row.seconds) return duration(row.seconds);
  return row.heard ? `ended ${clock(row.heard)}` : "";
}

const FEW = 3;

/**
 * What a burst has changed, what moved most beyond doubt first.
 * @param {any[]} changed
 */
function parameters(changed) {
  if (!changed.length) return "–";
  const line = (/** @type {any} */ one) => h("li", {}, `${spelled(one.name)}: ${one.before === null ? "as declared" : number(one.before)} → ${number(one.after, one.unit)} (${number(one.low)} to ${number(one.high)})`);
  const list = (/** @type {any[]} */ some) => h("ul", { class: "bare" }, ...some.map(line));
  if (changed.length <= FEW) return list(changed);
  return h("div", {}, list(changed.slice(0, FEW)), h("details", {}, h("summary", {}, `and ${changed.length - FEW} more`), list(changed.slice(FEW))));
}

const KINDS = /** @type {Record<string, string>} */ ({ power: "power of", azimuth: "azimuth of", tilt: "tilt of", eps: "permittivity of", sigma: "conductivity of" });

/** @param {string} name Kind and what it is of, such as power/<cell>. */
function spelled(name) {
  const [kind, ...rest] = name.split("/");
  return `${KINDS[kind] ?? kind} ${short(rest.join("/"))}`;
}
