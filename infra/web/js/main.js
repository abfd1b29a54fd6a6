// @ts-check
/** Begins everything: pages by address, one stream of live changes, the head, the time, the theme. */

import { Problem, useToken } from "./api.js";
import { h, one } from "./dom.js";
import { showPast, showSummary } from "./header.js";
import { Live } from "./live.js";
import { say, sayFailed } from "./notice.js";
import { alarms } from "./pages/alarms.js";
import { assets } from "./pages/assets.js";
import { bursts } from "./pages/bursts.js";
import { coverage } from "./pages/coverage.js";
import { models } from "./pages/models.js";
import { object } from "./pages/object.js";
import { overview } from "./pages/overview.js";
import { timeline } from "./pages/timeline.js";
import { link, place } from "./route.js";
import { soon } from "./soon.js";
import { startTheme } from "./theme.js";
import { timebar } from "./timebar.js";

/** @typedef {{at: string, name: string, query: URLSearchParams}} Asked */
/** @typedef {{change?: (change: import("./live.js").Change) => void, stop?: () => void}} Shown */
/** @type {Record<string, (root: HTMLElement, asked: Asked) => Promise<Shown>>} */
const PAGES = { overview, object, alarms, assets, timeline, bursts, coverage, models };
const NAV = [["", "Overview"], ["alarms", "Alarms"], ["assets", "Assets"], ["timeline", "Timeline"], ["bursts", "Bursts"],
  ["coverage", "Coverage"], ["models", "Models"]];

/** Answers after which a page is opened once more: the API is away, or has too much to do. */
const PASSES = [0, 429, 503];
const AGAIN_MS = 3000;

/** @type {Shown} */
let shown = {};
let turn = 0;
let opening = 0;
/** @type {string | null} */
let newest = null;
let down = false;
/** The past moment that the head speaks of. */
let headOf = "";

async function open() {
  const here = place();
  const mine = ++turn;
  clearTimeout(opening);
  shown.stop?.();
  shown = {};
  drawTime();
  drawNav(here.page);
  head();
  const main = one("#main");
  try {
    main.setAttribute("aria-busy", "true");
    const page = await (PAGES[here.page] ?? lost)(main, here);
    if (mine !== turn) page.stop?.();
    else shown = page;
  } catch (error) {
    if (mine !== turn) return;
    const passes = error instanceof Problem && PASSES.includes(error.status);
    const why = error instanceof Error ? error.message : String(error);
    main.replaceChildren(h("h1", {}, "This can't be shown"), h("p", { class: "wide" }, passes ? `${why}. Trying again.` : why));
    if (passes) opening = window.setTimeout(open, AGAIN_MS);
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) one("#token").hidden = false;
  } finally {
    if (mine === turn) main.removeAttribute("aria-busy");
  }
}

/** @param {HTMLElement} root @returns {Promise<Shown>} */
async function lost(root) {
  root.replaceChildren(h("h1", {}, "There is no such page"));
  return {};
}

/** @param {string} page */
function drawNav(page) {
  one("#nav").replaceChildren(
    ...NAV.map(([key, text]) => h("a", { href: link(`#/${key}`), "aria-current": page === (key || "overview") ? "page" : false }, text)),
  );
}

const head = soon(async () => {
  try {
    const { at } = place();
    if (at) {
      if (at !== headOf) await showPast(at);
      headOf = at;
      say("head", "");
      return;
    }
    headOf = "";
    const said = await showSummary();
    newest = said.event_time;
    one("#token").hidden = true;
    drawTime();
    say("head", said.ready ? "" : `not in step: ${said.reasons.join("; ")}`);
  } catch (error) {
    sayFailed("head", "the head of this page could not be read again", error);
    if (!(error instanceof Problem)) throw error;
  }
}, 1000);

const live = new Live(
  (change) => {
    // After `dropped` the stream ends and is begun anew, which opens the page again.
    if (change.kind === "resync") open();
    if (!place().at) shown.change?.(change);
    head();
  },
  (connected, why) => {
    const was = down;
    down = !connected;
    if (connected) say("stream", "");
    else sayFailed("stream", "no live changes", why ?? new Problem(0, "the API can't be reached"));
    document.documentElement.dataset.connected = String(connected);
    if (connected && was) {
      open();
      head();
    }
  },
);

const drawTime = timebar(() => newest);
one("#token").addEventListener("submit", (event) => {
  event.preventDefault();
  useToken(/** @type {HTMLInputElement} */ (one("#token-field")).value.trim());
  open();
  head();
});
addEventListener("hashchange", open);
setInterval(head, 10000);
startTheme();
head();
open();
live.start();
