// @ts-check
/** What a page shows is read again when it has changed. Where that fails the page says so, and tries again until it works. */

import { Problem } from "./api.js";
import { say, sayFailed } from "./notice.js";
import { soon } from "./soon.js";

const AGAIN_MS = 3000;

/**
 * @param {() => Promise<void> | void} show Reads and shows; throws where it can't, and leaves what is shown as it is.
 * @param {number} wait Between two [ms].
 * @returns {(() => void) & {now: () => Promise<void>, stop: () => void}} `now` waits for nothing: somebody has done something.
 */
export function refresher(show, wait) {
  let again = 0;
  let stopped = false;
  let failing = false;
  const now = async () => {
    clearTimeout(again);
    try {
      await show();
      if (!stopped) well();
    } catch (error) {
      if (stopped) return;
      failing = true;
      sayFailed("page", "this page could not be read again", error);
      again = window.setTimeout(ask, AGAIN_MS);
      // What is not the API's is a fault of ours: the console has where.
      if (!(error instanceof Problem)) throw error;
    }
  };
  // What another page has said is not ours to take back.
  const well = () => {
    if (failing) say("page", "");
    failing = false;
  };
  const ask = soon(now, wait);
  return Object.assign(() => ask(), {
    now,
    stop() {
      stopped = true;
      clearTimeout(again);
      ask.stop();
      well();
    },
  });
}
