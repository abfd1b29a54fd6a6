// @ts-check
/** Standing alarms, worst first, now or at a past moment; acknowledged and cleared by who may. */

import { all, tell } from "../api.js";
import { card, choice, h, mark } from "../dom.js";
import { clock, number, pageOf, short } from "../format.js";
import { refresher } from "../refresh.js";
import { link, put } from "../route.js";
import { table } from "../table.js";

const ORDER = ["CRITICAL", "MAJOR", "MINOR", "WARNING", "INDETERMINATE"];
const SHOWN = /** @type {[string, string][]} */ ([
  ["", "what somebody should look at"], ["roots", "only what others come from"], ["unseen", "only what nobody has acknowledged"], ["all", "also what is kept back"],
]);

/** @param {HTMLElement} root @param {import("../main.js").Asked} asked */
export async function alarms(root, { at, query }) {
  const list = h("div");
  const told = h("p", { role: "status" });
  const which = query.get("show") ?? "";
  const severity = query.get("severity") ?? "";
  root.replaceChildren(h("h1", {}, at ? `Alarms at ${clock(at)}` : "Alarms"), card("Standing", "wide",
    h("div", { class: "tools" },
      choice("Show", SHOWN, which, (value) => put({ show: value })),
      choice("Severity", [["", "all"], ...ORDER.map((each) => /** @type {[string, string]} */ ([each, each.toLowerCase()]))], severity, (value) => put({ severity: value }))),
    told, list));
  const show = async () => {
    const items = await all("/alarms", { at, severity, held: which === "all" ? null : false }, 1000);
    list.replaceChildren(alarmTable(items.filter((each) => wanted(each, which)), at ? null : act));
  };
  /** @param {any} alarm @param {string} what */
  async function act(alarm, what) {
    try {
      await tell("POST", `/alarms/${encodeURIComponent(alarm.id)}/${what}`, {});
      told.textContent = `${what === "clear" ? "cleared" : "acknowledged"}: ${alarm.probableCause} of ${short(alarm.objectInstance)}`;
    } catch (error) {
      told.textContent = error instanceof Error ? error.message : String(error);
    }
    await refresh.now();
  }
  await show();
  const refresh = refresher(show, 500);
  return { change: (/** @type {any} */ { kind }) => ["updates", "alarms"].includes(kind) && refresh(), stop: refresh.stop };
}

/** @param {any} alarm @param {string} which */
function wanted(alarm, which) {
  if (which === "roots") return !alarm.rootCause;
  return which !== "unseen" || alarm.ackState !== "ACKNOWLEDGED";
}

/**
 * A table of alarms.
 * @param {any[]} items @param {((alarm: any, what: string) => void) | null} act Null: they are only shown.
 */
export function alarmTable(items, act) {
  return table("Standing alarms", [
    { title: "Severity", of: (row) => mark(row.perceivedSeverity), by: (row) => ORDER.indexOf(row.perceivedSeverity) },
    { title: "Object", name: true, of: (row) => h("a", { href: link(pageOf(row.objectInstance)), title: row.objectInstance }, short(row.objectInstance)), by: (row) => row.objectInstance },
    { title: "Probable cause", of: (row) => row.probableCause, by: (row) => row.probableCause },
    { title: "Problem", words: true, of: (row) => row.specificProblem ?? row.additionalText ?? "" },
    { title: "Raised", of: (row) => clock(row.raised ?? row.alarmRaisedTime ?? row.eventTime), by: (row) => row.raised ?? row.alarmRaisedTime ?? row.eventTime },
    { title: "Root cause", of: cause, by: (row) => -(row.correlated ?? 0) },
    { title: "Kept back", of: (row) => (row.held?.length ? row.held.join(", ") : "–") },
    { title: "Acknowledged", of: (row) => acknowledged(row, act), by: (row) => row.ackState ?? "" },
    ...(act ? [{ title: "Clear", of: (/** @type {any} */ row) => button(row, "clear", "Clear", act) }] : []),
  ], items);
}

/** @param {any} row What it comes from, or how many come from it. */
function cause(row) {
  if (row.rootCause) {
    const name = row.rootCause.objectInstance;
    return h("span", {}, "of ", h("a", { href: link(pageOf(name)), title: name }, short(name)));
  }
  if (row.correlated) return `yes, of ${number(row.correlated)}`;
  return row.rootCauseIndicator ? "yes" : "–";
}

/** @param {any} row @param {((alarm: any, what: string) => void) | null} act */
function acknowledged(row, act) {
  if (row.ackState === "ACKNOWLEDGED") return row.ackUserId ? `by ${row.ackUserId}` : "yes";
  return act && row.id ? button(row, "acknowledge", "Acknowledge", act) : "no";
}

/** @param {any} row @param {string} what @param {string} text @param {(alarm: any, what: string) => void} act */
function button(row, what, text, act) {
  return h("button", { type: "button", onclick: () => act(row, what), "aria-label": `${text} ${row.probableCause} of ${row.objectInstance}` }, text);
}
