// @ts-check
/** Charts by Plotly, in the colours of the page. */

import { h } from "./dom.js";

/** @type {any} */
const plotly = () => /** @type {any} */ (window).Plotly;

/** @type {Promise<void> | null} */
let loading = null;

/** It is large: only pages with a chart wait for it. */
function load() {
  loading ??= new Promise((done, failed) => {
    const script = h("script", { src: "vendor/plotly.min.js" });
    script.addEventListener("load", () => done());
    script.addEventListener("error", () => {
      loading = null;
      failed(new Error("the charts' script can't be loaded"));
    });
    document.head.append(script);
  });
  return loading;
}

/** @param {string} name Of a colour in theme.css. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * A chart.
 * @param {string} label What it shows, for who can't see it.
 * @returns {{element: HTMLElement, draw: (made: () => [any[], any]) => void, point: (trace: string, at: number) => void, stop: () => void}}
 *   `draw` is told how traces and layout are made: again in another theme, which has other colours, and in another size.
 *   `point` shows what is told of one point of a trace, by its name, as if the pointer were there; -1 takes that away.
 */
export function chart(label) {
  const element = h("div", { class: "chart", role: "img", "aria-label": label });
  let make = () => /** @type {[any[], any]} */ ([[], {}]);
  const draw = async () => {
    if (!element.isConnected) return;
    if (!plotly()) await load();
    if (!element.isConnected) return;
    const [traces, layout] = make();
    const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), automargin: true };
    const made = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("text"), family: "inherit", size: 13 },
      margin: { l: 50, r: 15, t: 10, b: 40 },
      legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom" },
      hovermode: "x unified",
      hoverlabel: { bgcolor: colour("card"), font: { color: colour("text") } },
      ...layout,
      // Words that stand askew run into the legend.
      xaxis: { ...axis, tickangle: 0, nticks: Math.max(3, Math.floor(element.clientWidth / 110)), ...(layout.xaxis ?? {}) },
      yaxis: { ...axis, ...(layout.yaxis ?? {}) },
    };
    plotly().react(element, traces, made, { displaylogo: false, responsive: true, displayModeBar: false });
  };
  const observer = new ResizeObserver(draw);
  observer.observe(element);
  addEventListener("themechange", draw);
  return {
    element,
    draw(next) {
      make = next;
      draw();
    },
    point(trace, at) {
      const traces = /** @type {any} */ (element).data;
      if (!plotly() || !traces) return;
      const curveNumber = traces.findIndex((/** @type {any} */ each) => each.name === trace);
      if (at < 0 || curveNumber < 0) plotly().Fx.unhover(element);
      else plotly().Fx.hover(element, [{ curveNumber, pointNumber: at }]);
    },
    stop() {
      observer.disconnect();
      removeEventListener("themechange", draw);
      if (plotly()) plotly().purge(element);
    },
  };
}
