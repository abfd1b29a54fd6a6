// @ts-check
/** Work that is asked for often and done seldom: never twice at once, and once more where it was asked for meanwhile. */

/**
 * @param {() => Promise<void> | void} work
 * @param {number} wait Between two [ms].
 * @returns {(() => void) & {stop: () => void}}
 */
export function soon(work, wait) {
  let timer = 0;
  let running = false;
  let again = false;
  let stopped = false;
  const run = async () => {
    timer = 0;
    running = true;
    again = false;
    try {
      await work();
    } finally {
      running = false;
      if (again) ask();
    }
  };
  const ask = () => {
    if (stopped) return;
    if (running) again = true;
    else if (!timer) timer = window.setTimeout(run, wait);
  };
  return Object.assign(ask, {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  });
}
